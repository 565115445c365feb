"""What the Python clients know of the demo world, and how they sign and tell."""

import hashlib
import json
import sys
from datetime import datetime, timedelta, timezone

from lxml import etree
from signxml import XMLSigner, methods

URL, PKI = sys.argv[1:]
PATIENT = "P-1002^^^&2.999.1.3&ISO"
HOME, REPOSITORY = "urn:oid:2.999.1", "2.999.1.2"
FIND_DOCUMENTS = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
UNIQUE_ID = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"
DOCUMENTS = [f"2.999.1.4.1002.{n}" for n in range(1, 7)]
TREATMENT = DOCUMENTS[:4]


def partner(name):
    """A partner's file, such as `riverside/tls.crt`."""
    return f"{PKI}/partners/{name}"


def instant(minutes):
    """That many minutes from now, as xs:dateTime."""
    return f"{datetime.now(timezone.utc) + timedelta(minutes=minutes):%Y-%m-%dT%H:%M:%SZ}"


def sign(assertion, identity, algorithm, prefix):
    """Puts an enveloped signature where `<Signature Id="placeholder"/>` stands."""
    signer = XMLSigner(method=methods.enveloped, signature_algorithm=algorithm, digest_algorithm="sha256",
                       c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#")
    signer.namespaces = {prefix: "http://www.w3.org/2000/09/xmldsig#"}
    root = etree.fromstring(assertion)
    key, certificate = open(f"{identity}.key", "rb").read(), open(f"{identity}.crt").read()
    return signer.sign(root, key=key, cert=certificate, reference_uri=root.get("ID"), id_attribute="ID")


def sha1(content):
    return hashlib.sha1(content).hexdigest()


def tell(case, message_id, **seen):
    print(json.dumps({"case": case, "message_id": message_id, **seen}), flush=True)
