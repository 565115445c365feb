// Node's https with xml-crypto; signed in place, in the message whose prefixes the assertion uses, RSA with SHA-512, the
// Swiss form of codes, MTOM as WCF writes it. A PrefixList of the reference is no use here: xml-crypto writes it into the
// enveloped-signature transform too, which the gateway refuses.
const crypto = require("node:crypto");
const fs = require("node:fs");
const https = require("node:https");
const { SignedXml } = require("xml-crypto");
const { DOMParser } = require("@xmldom/xmldom");

const [url, pki] = process.argv.slice(2);
const read = (name) => fs.readFileSync(`${pki}/${name}`);
const agent = new https.Agent({
  ca: read("ca.crt"), cert: read("partners/riverside/tls.crt"), key: read("partners/riverside/tls.key"),
});
const EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#";
const RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0";
const UNIQUE_ID = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab";

const query = `<q:AdhocQueryRequest xmlns:q="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0" xmlns:rim="${RIM}">
<q:ResponseOption returnComposedObjects="true" returnType="LeafClass"/>
<rim:AdhocQuery id="urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d">
<rim:Slot name="$XDSDocumentEntryStatus"><rim:ValueList><rim:Value>
('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')</rim:Value></rim:ValueList></rim:Slot>
<rim:Slot name="$XDSDocumentEntryPatientId"><rim:ValueList>
<rim:Value><![CDATA['P-1002^^^&2.999.1.3&ISO']]></rim:Value></rim:ValueList></rim:Slot>
</rim:AdhocQuery></q:AdhocQueryRequest>`;

const retrieve = (numbers) => `<x:RetrieveDocumentSetRequest xmlns:x="urn:ihe:iti:xds-b:2007">${numbers.map((n) => `
<x:DocumentRequest><x:HomeCommunityId>urn:oid:2.999.1</x:HomeCommunityId>
<x:RepositoryUniqueId>2.999.1.2</x:RepositoryUniqueId>
<x:DocumentUniqueId>2.999.1.4.1002.${n}</x:DocumentUniqueId></x:DocumentRequest>`).join("")}
</x:RetrieveDocumentSetRequest>`;

const instant = (minutes) => new Date(Date.now() + minutes * 60_000).toISOString();

const assertion = (purpose) => `<saml:Assertion ID="_${crypto.randomUUID()}" IssueInstant="${instant(0)}" Version="2.0">
  <saml:Issuer>https://sts.riverside.example</saml:Issuer>
  <saml:Subject><saml:NameID>node-user</saml:NameID>
    <saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"/></saml:Subject>
  <saml:Conditions NotBefore="${instant(-1)}" NotOnOrAfter="${instant(5)}">
    <saml:AudienceRestriction><saml:Audience>urn:oid:2.999.1</saml:Audience></saml:AudienceRestriction>
  </saml:Conditions>
  <saml:AuthnStatement AuthnInstant="${instant(-1)}"><saml:AuthnContext>
    <saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI</saml:AuthnContextClassRef>
  </saml:AuthnContext></saml:AuthnStatement>
  <saml:AttributeStatement>
    <saml:Attribute Name="urn:oasis:names:tc:xspa:1.0:subject:organization-id">
      <saml:AttributeValue xsi:type="xs:anyURI">urn:oid:2.999.2</saml:AttributeValue></saml:Attribute>
    <saml:Attribute Name="urn:oasis:names:tc:xacml:2.0:subject:role"><saml:AttributeValue>
      <hl7:Role xsi:type="hl7:CE" code="309343006" codeSystem="2.16.840.1.113883.6.96" displayName="Ärztin"/>
    </saml:AttributeValue></saml:Attribute>
    <saml:Attribute Name="urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"><saml:AttributeValue>
      <hl7:PurposeOfUse code="${purpose}" codeSystem="2.16.840.1.113883.5.8"/>
    </saml:AttributeValue></saml:Attribute>
  </saml:AttributeStatement></saml:Assertion>`;

const envelope = (action, path, messageId, purpose, body) => `<S:Envelope
  xmlns:S="http://www.w3.org/2003/05/soap-envelope" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"
  xmlns:hl7="urn:hl7-org:v3" xmlns:xs="http://www.w3.org/2001/XMLSchema"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><S:Header>
<Security xmlns="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">${assertion(purpose)}</Security>
<To xmlns="http://www.w3.org/2005/08/addressing">${url}/xca/${path}</To>
<Action xmlns="http://www.w3.org/2005/08/addressing" S:mustUnderstand="true">urn:ihe:iti:2007:${action}</Action>
<MessageID xmlns="http://www.w3.org/2005/08/addressing">${messageId}</MessageID>
</S:Header><S:Body>${body}</S:Body></S:Envelope>`;

function sign(message) {
  const signed = new SignedXml({
    privateKey: read("partners/riverside/saml.key"),
    publicCert: read("partners/riverside/saml.crt"),
    signatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
    canonicalizationAlgorithm: EXCLUSIVE,
    inclusiveNamespacesPrefixList: ["xs", "hl7"],
  });
  signed.addReference({
    xpath: "//*[local-name()='Assertion']",
    transforms: ["http://www.w3.org/2000/09/xmldsig#enveloped-signature", EXCLUSIVE],
    digestAlgorithm: "http://www.w3.org/2001/04/xmlenc#sha512",
  });
  signed.computeSignature(message, { location: { reference: "//*[local-name()='Issuer']", action: "after" } });
  return signed.getSignedXml();
}

function post(path, content, kind) {
  return new Promise((resolve, reject) => {
    const headers = { "Content-Type": kind, "Content-Length": Buffer.byteLength(content) };
    const request = https.request(`${url}/xca/${path}`, { method: "POST", agent, headers }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => resolve({ answer, content: Buffer.concat(chunks) }));
    });
    request.on("error", reject).end(content);
  });
}

const parse = (xml) => new DOMParser().parseFromString(xml.toString(), "text/xml");
const all = (node, name) => Array.from(node.getElementsByTagNameNS("*", name));
const tell = (name, message_id, seen) => console.log(JSON.stringify({ case: name, message_id, ...seen }));

const asSigned = (message) => message;
const tampered = (message) => message.replace('code="TREAT"', 'code="BTG"');

// tells of a fault, if there is one
function refused(name, messageId, http, root) {
  const [, subcode] = all(root, "Fault").flatMap((fault) => all(fault, "Value"));
  if (subcode) tell(name, messageId, { http, fault: subcode.textContent.split(":")[1] });
  return subcode;
}

async function find(name, purpose, tamper = asSigned) {
  const messageId = `urn:uuid:${crypto.randomUUID()}`;
  const message = tamper(sign(envelope("CrossGatewayQuery", "query", messageId, purpose, query)));
  const { answer, content } = await post("query", message, "application/soap+xml");
  const http = answer.statusCode;
  const root = parse(content);
  if (refused(name, messageId, http, root)) return;
  const documents = Object.fromEntries(all(root, "ExtrinsicObject").map((entry) => [
    all(entry, "ExternalIdentifier").find((id) => id.getAttribute("identificationScheme") === UNIQUE_ID).getAttribute("value"),
    all(all(entry, "Slot").find((slot) => slot.getAttribute("name") === "hash"), "Value")[0].textContent,
  ]));
  tell(name, messageId, { http, status: all(root, "AdhocQueryResponse")[0].getAttribute("status"), documents });
}

async function fetchDocuments(name, purpose, numbers, tamper = asSigned) {
  const messageId = `urn:uuid:${crypto.randomUUID()}`;
  const message = tamper(sign(envelope("CrossGatewayRetrieve", "retrieve", messageId, purpose, retrieve(numbers))));
  const boundary = `uuid:${crypto.randomUUID()}+id=5`;
  const { answer, content } = await post("retrieve", [
    `--${boundary}`, "Content-ID: <http://tempuri.org/0>", "Content-Transfer-Encoding: 8bit",
    'Content-Type: application/xop+xml;charset=utf-8;type="application/soap+xml"', "", message, `--${boundary}--`, "",
  ].join("\r\n"), `multipart/related; type="application/xop+xml";start="<http://tempuri.org/0>";boundary="${boundary}";start-info="application/soap+xml"`);
  const [envelopePart, ...parts] = split(content, /boundary="?([^";]+)/.exec(answer.headers["content-type"])[1]);
  const root = parse(envelopePart.body);
  if (refused(name, messageId, answer.statusCode, root)) return;
  const documents = Object.fromEntries(all(root, "DocumentResponse").map((document) => {
    const id = all(document, "Include")[0].getAttribute("href").replace(/^cid:/, "");
    const { body } = parts.find(({ head }) => head.includes(`<${decodeURIComponent(id)}>`));
    return [all(document, "DocumentUniqueId")[0].textContent, crypto.createHash("sha1").update(body).digest("hex")];
  }));
  const status = all(root, "RegistryResponse")[0].getAttribute("status");
  tell(name, messageId, { http: answer.statusCode, status, documents });
}

// the parts of a multipart body, heads as text, bodies as they came
function split(content, boundary) {
  const parts = [];
  let from = content.indexOf(`--${boundary}\r\n`) + boundary.length + 4;
  for (let to; (to = content.indexOf(`\r\n--${boundary}`, from)) >= 0; from = to + boundary.length + 6) {
    const body = content.indexOf("\r\n\r\n", from) + 4;
    parts.push({ head: content.toString("latin1", from, body), body: content.subarray(body, to) });
  }
  return parts;
}

(async () => {
  await find("treat", "TREAT");
  await find("btg", "BTG");
  await find("tampered", "TREAT", tampered);
  await fetchDocuments("retrieve", "TREAT", [1, 2, 3, 4]);
  await fetchDocuments("retrieve-btg", "BTG", [1, 2, 3, 4, 5, 6]);
  await fetchDocuments("retrieve-tampered", "TREAT", [1, 2, 3, 4, 5, 6], tampered);
  agent.destroy();
})();
