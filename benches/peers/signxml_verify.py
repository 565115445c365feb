"""CPU microseconds that signxml needs to verify an assertion with a known certificate."""
import sys
import time

from lxml import etree
from signxml import SignatureConfiguration, XMLVerifier

xml = open(sys.argv[1], "rb").read()
certificate = open(sys.argv[2]).read()
known = SignatureConfiguration(expect_references=1)
times = []
for _ in range(50):
    begun = time.process_time()
    XMLVerifier().verify(
        etree.fromstring(xml), x509_cert=certificate, expect_config=known, id_attribute="ID"
    )
    times.append(time.process_time() - begun)
print(sorted(times)[len(times) // 2] * 1e6)
