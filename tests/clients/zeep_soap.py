"""zeep from the served WSDL; no prefix anywhere in the assertion, PurposeForUse, RSA."""

import re
from base64 import b64encode
from uuid import uuid4

import requests
import zeep
from requests_toolbelt.multipart.decoder import MultipartDecoder
from zeep.plugins import HistoryPlugin
from zeep.wsse.utils import get_security_header

from world import (DOCUMENTS, FIND_DOCUMENTS, HOME, PATIENT, PKI, REPOSITORY, TREATMENT, UNIQUE_ID, URL, instant,
                   partner, sha1, sign, tell)


class Saml:
    """Puts a signed assertion into the Security header; after signing, `tampered` makes treatment break glass."""

    def __init__(self, purpose, tampered=False):
        self.purpose, self.tampered = purpose, tampered

    def apply(self, envelope, headers):
        assertion = sign(ASSERTION.format(id=uuid4(), purpose=self.purpose, now=instant(0), until=instant(5)),
                         partner("riverside/saml"), "rsa-sha256", None)
        if self.tampered:
            assertion.find(".//{urn:hl7-org:v3}PurposeForUse").set("code", "BTG")
        get_security_header(envelope).append(assertion)
        return envelope, headers

    def verify(self, envelope):
        """The gateway's answers carry no signature."""


class Transport(zeep.Transport):
    """Keeps the last HTTP status."""

    def post(self, address, message, headers):
        response = super().post(address, message, headers)
        self.status = response.status_code
        return response


class Mtom(Transport):
    """Sends the envelope as the single part, and puts the answer's parts back into its envelope.

    zeep reads XOP by itself, but cuts line ends off the end of a part.
    """

    def post(self, address, message, headers):
        boundary = str(uuid4())
        headers = headers | {"Content-Type": f'multipart/related; type="application/xop+xml"; boundary="{boundary}"; '
                                             'start="<root>"; start-info="application/soap+xml"'}
        head = (f"--{boundary}\r\nContent-Type: application/xop+xml; charset=UTF-8; type=\"application/soap+xml\"\r\n"
                "Content-Transfer-Encoding: binary\r\nContent-ID: <root>\r\n\r\n")
        response = super().post(address, head.encode() + message + f"\r\n--{boundary}--\r\n".encode(), headers)
        root, *parts = MultipartDecoder.from_response(response).parts
        named = {part.headers[b"Content-ID"].strip(b"<>"): part.content for part in parts}
        include = re.compile(rb'<xop:Include [^>]*href="cid:([^"]*)"[^>]*/>')
        response._content = include.sub(lambda found: b64encode(named[found[1]]), root.content)
        response.headers["Content-Type"] = "application/soap+xml"
        return response


ASSERTION = """<Assertion xmlns="urn:oasis:names:tc:SAML:2.0:assertion" ID="_{id}" IssueInstant="{now}" Version="2.0">
  <Issuer>https://sts.riverside.example</Issuer>
  <Signature xmlns="http://www.w3.org/2000/09/xmldsig#" Id="placeholder"/>
  <Subject>
    <NameID>zeep-user</NameID>
    <SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"/>
  </Subject>
  <Conditions NotBefore="{now}" NotOnOrAfter="{until}">
    <AudienceRestriction><Audience>urn:oid:2.999.1</Audience></AudienceRestriction>
  </Conditions>
  <AuthnStatement AuthnInstant="{now}"><AuthnContext>
    <AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:X509</AuthnContextClassRef>
  </AuthnContext></AuthnStatement>
  <AttributeStatement>
    <Attribute Name="urn:oasis:names:tc:xacml:2.0:subject:role"><AttributeValue>
      <Role xmlns="urn:hl7-org:v3" code="309343006" codeSystem="2.16.840.1.113883.6.96"/>
    </AttributeValue></Attribute>
    <Attribute Name="urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"><AttributeValue>
      <PurposeForUse xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CE"
          code="{purpose}" codeSystem="2.16.840.1.113883.5.8"/>
    </AttributeValue></Attribute>
  </AttributeStatement>
</Assertion>"""


def connect(path, transport):
    session = requests.Session()
    session.trust_env = False  # else REQUESTS_CA_BUNDLE wins over `verify`
    session.verify, session.cert = f"{PKI}/ca.crt", (partner("riverside/tls.crt"), partner("riverside/tls.key"))
    return zeep.Client(f"{URL}/xca/{path}?wsdl", transport=transport(session=session), plugins=[HistoryPlugin()])


def call(case, client, wsse, operation, read, **body):
    client.wsse = wsse
    try:
        seen = read(client.service[operation](**body))
    except zeep.exceptions.Fault as fault:
        seen = {"fault": fault.subcodes[0].localname}
    message_id = client.plugins[0].last_sent["envelope"].findtext(".//{*}MessageID")
    tell(case, message_id, http=client.transport.status, **seen)


def found(answer):
    entries = [entry["ExtrinsicObject"] for entry in answer.RegistryObjectList._value_1]
    unique_ids = [next(e.value for e in entry.ExternalIdentifier if e.identificationScheme == UNIQUE_ID)
                  for entry in entries]
    hashes = [next(s.ValueList.Value[0] for s in entry.Slot if s.name == "hash") for entry in entries]
    return {"status": answer.status, "documents": dict(zip(unique_ids, hashes))}


def retrieved(answer):
    documents = {document.DocumentUniqueId: sha1(document.Document) for document in answer.DocumentResponse}
    return {"status": answer.RegistryResponse.status, "documents": documents}


def slot(name, value):
    return {"name": name, "ValueList": {"Value": [value]}}


query = {
    "ResponseOption": {"returnType": "LeafClass", "returnComposedObjects": True},
    "AdhocQuery": {"id": FIND_DOCUMENTS, "Slot": [
        slot("$XDSDocumentEntryPatientId", f"'{PATIENT}'"),
        slot("$XDSDocumentEntryStatus", "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')"),
    ]},
}


def wanted(ids):
    return [{"HomeCommunityId": HOME, "RepositoryUniqueId": REPOSITORY, "DocumentUniqueId": id} for id in ids]


gateway = connect("query", Transport)
for case, wsse in [("treat", Saml("TREAT")), ("btg", Saml("BTG")), ("tampered", Saml("TREAT", tampered=True))]:
    call(case, gateway, wsse, "RespondingGateway_CrossGatewayQuery", found, **query)
gateway = connect("retrieve", Mtom)
for case, wsse, ids in [("retrieve", Saml("TREAT"), TREATMENT), ("retrieve-btg", Saml("BTG"), DOCUMENTS),
                        ("retrieve-tampered", Saml("TREAT", tampered=True), DOCUMENTS)]:
    call(case, gateway, wsse, "RespondingGateway_CrossGatewayRetrieve", retrieved, DocumentRequest=wanted(ids))
