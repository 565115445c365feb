"""requests with signxml; Norway's shape: `saml2` and `ds` prefixes, codes as escaped text, an EC key, MTOM both ways."""

from email import message_from_bytes
from email.policy import HTTP
from uuid import uuid4
from xml.etree import ElementTree

import requests
from lxml import etree

from world import (DOCUMENTS, FIND_DOCUMENTS, HOME, PATIENT, PKI, REPOSITORY, TREATMENT, UNIQUE_ID, URL, instant,
                   partner, sha1, sign, tell)

ASSERTION = """<saml2:Assertion xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion" ID="_{id}" IssueInstant="{now}" \
Version="2.0"><saml2:Issuer>https://sts.hilltop.example</saml2:Issuer>\
<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#" Id="placeholder"/>\
<saml2:Subject><saml2:NameID>requests-user</saml2:NameID>\
<saml2:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">\
<saml2:SubjectConfirmationData NotOnOrAfter="{until}" Recipient="{url}/xca/query"/></saml2:SubjectConfirmation>\
</saml2:Subject><saml2:Conditions NotBefore="{now}" NotOnOrAfter="{until}"><saml2:AudienceRestriction>\
<saml2:Audience>https://elsewhere.example</saml2:Audience><saml2:Audience>{url}/xca/query</saml2:Audience>\
</saml2:AudienceRestriction></saml2:Conditions><saml2:AuthnStatement AuthnInstant="{now}"><saml2:AuthnContext>\
<saml2:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified</saml2:AuthnContextClassRef>\
</saml2:AuthnContext></saml2:AuthnStatement><saml2:AttributeStatement>\
<saml2:Attribute Name="urn:oasis:names:tc:xspa:1.0:subject:role"><saml2:AttributeValue>&lt;Role \
xmlns="urn:hl7-org:v3" xsi:type="CE" code="309343006" codeSystem="urn:oid:2.16.840.1.113883.6.96"/&gt;\
</saml2:AttributeValue></saml2:Attribute>\
<saml2:Attribute Name="urn:oasis:names:tc:xspa:1.0:subject:purposeOfUse"><saml2:AttributeValue>&lt;PurposeOfUse \
xmlns="urn:hl7-org:v3" xsi:type="CE" code="{purpose}" codeSystem="urn:oid:2.16.840.1.113883.1.11.20448" \
codeSystemName="PurposeOfUse (HL7)"/&gt;</saml2:AttributeValue></saml2:Attribute>\
<saml2:Attribute Name="urn:oasis:names:tc:xacml:2.0:resource:resource-id">\
<saml2:AttributeValue>P-1002^^^&amp;amp;2.999.1.3&amp;amp;ISO</saml2:AttributeValue></saml2:Attribute>\
<saml2:Attribute Name="urn:ihe:iti:xca:2010:homeCommunityId"><saml2:AttributeValue>2.999.3</saml2:AttributeValue>\
</saml2:Attribute></saml2:AttributeStatement></saml2:Assertion>"""

ENVELOPE = """<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://www.w3.org/2005/08/addressing">
  <soapenv:Header>
    <wsa:Action soapenv:mustUnderstand="1">urn:ihe:iti:2007:{action}</wsa:Action>
    <wsa:MessageID>{message_id}</wsa:MessageID>
    <wsa:ReplyTo><wsa:Address>http://www.w3.org/2005/08/addressing/anonymous</wsa:Address></wsa:ReplyTo>
    <wsa:To soapenv:mustUnderstand="1">{to}</wsa:To>
    <wsse:Security soapenv:mustUnderstand="1"
        xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">{assertion}</wsse:Security>
  </soapenv:Header>
  <soapenv:Body>{body}</soapenv:Body>
</soapenv:Envelope>"""

QUERY = f"""<query:AdhocQueryRequest xmlns:query="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"
    xmlns="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0">
  <query:ResponseOption returnType="LeafClass" returnComposedObjects="true"/>
  <AdhocQuery id="{FIND_DOCUMENTS}">
    <Slot name="$XDSDocumentEntryPatientId"><ValueList><Value>'{PATIENT.replace("&", "&amp;")}'</Value></ValueList></Slot>
    <Slot name="$XDSDocumentEntryStatus"><ValueList>
      <Value>('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')</Value></ValueList></Slot>
  </AdhocQuery>
</query:AdhocQueryRequest>"""


def wanted(ids):
    return '<RetrieveDocumentSetRequest xmlns="urn:ihe:iti:xds-b:2007">' + "".join(
        f"<DocumentRequest><HomeCommunityId>{HOME}</HomeCommunityId><RepositoryUniqueId>{REPOSITORY}"
        f"</RepositoryUniqueId><DocumentUniqueId>{id}</DocumentUniqueId></DocumentRequest>"
        for id in ids) + "</RetrieveDocumentSetRequest>"


def assertion(purpose):
    unsigned = ASSERTION.format(id=uuid4(), now=instant(0), until=instant(5), purpose=purpose, url=URL)
    return etree.tostring(sign(unsigned, partner("hilltop/saml-ec"), "ecdsa-sha256", "ds"), encoding="unicode")


def ask(path, action, token, body, wrap=lambda envelope: (envelope, "application/soap+xml; charset=UTF-8")):
    to, message_id = f"{URL}/xca/{path}", f"urn:uuid:{uuid4()}"
    envelope = ENVELOPE.format(action=action, message_id=message_id, to=to, assertion=token, body=body)
    content, kind = wrap(envelope.encode())
    answer = requests.post(to, content, headers={"Content-Type": kind}, verify=f"{PKI}/ca.crt",
                           cert=(partner("hilltop/tls.crt"), partner("hilltop/tls.key")))
    return message_id, answer


def mtom(envelope):
    """One part, as Axis2 writes it: `start` without angle brackets, the action in Content-Type."""
    kind = ('multipart/related; boundary=MIMEBoundary_7; type="application/xop+xml"; start="0.root@hilltop.example"; '
            'start-info="application/soap+xml"; action="urn:ihe:iti:2007:CrossGatewayRetrieve"')
    head = ('--MIMEBoundary_7\r\nContent-Type: application/xop+xml; charset=UTF-8; type="application/soap+xml"\r\n'
            "Content-Transfer-Encoding: binary\r\nContent-ID: <0.root@hilltop.example>\r\n\r\n")
    return head.encode() + envelope + b"\r\n--MIMEBoundary_7--\r\n", kind


def refused(case, message_id, answer, root):
    """Tells of a fault, if there is one."""
    fault = root.findtext(".//{*}Fault/{*}Code/{*}Subcode/{*}Value")
    if fault:
        tell(case, message_id, http=answer.status_code, fault=fault.split(":")[1])
    return fault


def find(case, token):
    message_id, answer = ask("query", "CrossGatewayQuery", token, QUERY)
    root = ElementTree.fromstring(answer.content)
    if refused(case, message_id, answer, root):
        return
    documents = {
        entry.find(f"{{*}}ExternalIdentifier[@identificationScheme='{UNIQUE_ID}']").get("value"):
            entry.findtext("{*}Slot[@name='hash']/{*}ValueList/{*}Value")
        for entry in root.iter("{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}ExtrinsicObject")
    }
    status = root.find(".//{*}AdhocQueryResponse").get("status")
    tell(case, message_id, http=answer.status_code, status=status, documents=documents)


def retrieve(case, token, ids):
    message_id, answer = ask("retrieve", "CrossGatewayRetrieve", token, wanted(ids), mtom)
    kind = f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode()
    root, *parts = message_from_bytes(kind + answer.content, policy=HTTP).iter_parts()
    contents = {part["Content-ID"].strip("<>"): part.get_payload(decode=True) for part in parts}
    xml = ElementTree.fromstring(root.get_payload(decode=True))
    if refused(case, message_id, answer, xml):
        return
    documents = {
        document.findtext("{*}DocumentUniqueId"):
            sha1(contents[document.find("{*}Document/{*}Include").get("href").removeprefix("cid:")])
        for document in xml.iter("{urn:ihe:iti:xds-b:2007}DocumentResponse")
    }
    status = xml.find(".//{*}RegistryResponse").get("status")
    tell(case, message_id, http=answer.status_code, status=status, documents=documents)


def tampered():
    return assertion("TREAT").replace('code="TREAT"', 'code="BTG"')


find("treat", assertion("TREAT"))
find("btg", assertion("BTG"))
find("tampered", tampered())
retrieve("retrieve", assertion("TREAT"), TREATMENT)
retrieve("retrieve-btg", assertion("BTG"), DOCUMENTS)
retrieve("retrieve-tampered", tampered(), DOCUMENTS)
