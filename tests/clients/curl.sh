#!/usr/bin/env bash
# curl and xmllint alone, with assertions from files (treat.xml, btg.xml in the third argument); SOAP without MTOM, so
# that documents come in base64.
set -euo pipefail
url=$1 pki=$2 assertions=$3
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# post PATH ACTION ASSERTION BODY: sets message_id and http, and leaves the answer's envelope in $answer
post() {
  message_id=urn:uuid:$(cat /proc/sys/kernel/random/uuid)
  http=$(curl --silent --show-error --cacert "$pki/ca.crt" --cert "$pki/partners/riverside/tls.crt" \
    --key "$pki/partners/riverside/tls.key" --header 'Content-Type: application/soap+xml' --data-binary @- \
    --output "$answer" --write-out '%{http_code}' "$url/xca/$1" <<EOF
<env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing">
<env:Header><a:Action env:mustUnderstand="true">urn:ihe:iti:2007:$2</a:Action><a:MessageID>$message_id</a:MessageID>
<a:To>$url/xca/$1</a:To>
<o:Security xmlns:o="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">$3</o:Security>
</env:Header><env:Body>$4</env:Body></env:Envelope>
EOF
  )
}

# the string value of an XPath expression over the answer
value() { xmllint --xpath "string($1)" "$answer"; }
count() { xmllint --xpath "count($1)" "$answer"; }

# tell CASE STATUS DOCUMENTS
tell() {
  printf '{"case":"%s","message_id":"%s","http":%s,"status":"%s","documents":{%s}}\n' "$1" "$message_id" "$http" "$2" "$3"
}

# refused CASE: tells of a fault, if there is one
refused() {
  local fault
  fault=$(value '//*[local-name()="Subcode"]/*[local-name()="Value"]')
  if [ -n "$fault" ]; then
    printf '{"case":"%s","message_id":"%s","http":%s,"fault":"%s"}\n' "$1" "$message_id" "$http" "${fault#*:}"
  else
    return 1
  fi
}

# find_documents CASE ASSERTION
find_documents() {
  post query CrossGatewayQuery "$2" '<AdhocQueryRequest xmlns="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0">
<ResponseOption returnType="LeafClass" returnComposedObjects="true"/>
<AdhocQuery xmlns="urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0" id="urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d">
<Slot name="$XDSDocumentEntryPatientId"><ValueList><Value>&#39;P-1002^^^&amp;2.999.1.3&amp;ISO&#39;</Value></ValueList></Slot>
<Slot name="$XDSDocumentEntryStatus"><ValueList><Value>(&#39;urn:oasis:names:tc:ebxml-regrep:StatusType:Approved&#39;)</Value>
</ValueList></Slot></AdhocQuery></AdhocQueryRequest>'
  local entry n documents=
  if refused "$1"; then return; fi
  for ((n = 1; n <= $(count '//*[local-name()="ExtrinsicObject"]'); n++)); do
    entry="//*[local-name()='ExtrinsicObject'][$n]"
    documents+=,\"$(value "$entry/*[@identificationScheme='urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab']/@value")\":
    documents+=\"$(value "$entry/*[@name='hash']/*/*")\"
  done
  tell "$1" "$(value '//*[local-name()="AdhocQueryResponse"]/@status')" "${documents#,}"
}

# retrieve CASE ASSERTION NUMBER...
retrieve() {
  local case=$1 assertion=$2 n document documents= wanted=
  for n in "${@:3}"; do
    wanted+="<DocumentRequest><HomeCommunityId>urn:oid:2.999.1</HomeCommunityId><RepositoryUniqueId>2.999.1.2\
</RepositoryUniqueId><DocumentUniqueId>2.999.1.4.1002.$n</DocumentUniqueId></DocumentRequest>"
  done
  post retrieve CrossGatewayRetrieve "$assertion" \
    "<RetrieveDocumentSetRequest xmlns='urn:ihe:iti:xds-b:2007'>$wanted</RetrieveDocumentSetRequest>"
  if refused "$case"; then return; fi
  for ((n = 1; n <= $(count '//*[local-name()="DocumentResponse"]'); n++)); do
    document="//*[local-name()='DocumentResponse'][$n]"
    documents+=,\"$(value "$document/*[local-name()='DocumentUniqueId']")\":
    documents+=\"$(value "$document/*[local-name()='Document']" | base64 -d | sha1sum | cut -d' ' -f1)\"
  done
  tell "$case" "$(value '//*[local-name()="RegistryResponse"]/@status')" "${documents#,}"
}

treat=$(<"$assertions/treat.xml") btg=$(<"$assertions/btg.xml")
tampered=${treat/code=\"TREAT\"/code=\"BTG\"}
find_documents treat "$treat"
find_documents btg "$btg"
find_documents tampered "$tampered"
retrieve retrieve "$treat" 1 2 3 4
retrieve retrieve-btg "$btg" 1 2 3 4 5 6
retrieve retrieve-tampered "$tampered" 1 2 3 4 5 6
