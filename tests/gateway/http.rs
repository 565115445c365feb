//! Every way to be turned away before anyone is believed: status, fault and record of each.

use std::net::TcpListener;

use glassgate::client::{Ask, Query};
use glassgate::clock::{Random, SystemRandom};
use glassgate::demo::world::{self, RIVERSIDE};
use glassgate::limits;
use glassgate::soap::{Packaging, action};
use glassgate::xds::{DocumentRequest, retrieve_request};
use glassgate::xml::ns;
use tokio::io::AsyncWriteExt;

use crate::wire::{Response, Visitor, context, exchange, post, read};
use crate::world::{event_type, kinds, order, outcome, reason, run, shared};

const QUERY: &str = "/xca/query";
const RETRIEVE: &str = "/xca/retrieve";
const SOAP: &str = "application/soap+xml; charset=UTF-8";
/// What stands in requests and must not come back.
const SECRETS: [&str; 4] = ["user-7", "P-1001", "SignatureValue", "s3cret"];

/// A request that is refused before its assertion is looked at.
struct Refused<'w> {
    status: u16,
    /// Code and subcodes of the fault.
    fault: &'w [&'w str],
    /// How the true reason begins.
    why: &'w str,
}

const SENDER: &[&str] = &["env:Sender"];

impl Refused<'_> {
    /// Sends the request as Riverside and holds answer and record to what is expected.
    async fn holds(&self, request: &[u8]) -> Response {
        let visitor = Visitor::new();
        let response = visitor.exchange(request).await;
        self.holds_for(&visitor, &response).await;
        let path = String::from_utf8_lossy(&request[..request.len().min(40)]).into_owned();
        let kind = if path.contains(RETRIEVE) { "ITI-39" } else { "ITI-38" };
        assert_eq!(kinds(&visitor.records().await), [(kind.to_owned(), "8".to_owned())]);
        response
    }

    async fn holds_for(&self, visitor: &Visitor, response: &Response) {
        let told = format!("{}: {response:?}", self.why);
        assert_eq!(response.status, self.status, "{told}");
        assert_eq!(response.fault_codes(), self.fault, "{told}");
        let length = response.header("content-length").and_then(|length| length.parse().ok());
        assert_eq!(length, Some(response.body.len()), "{told}");
        assert!(!SECRETS.iter().any(|secret| response.body.contains(secret)), "{told}");
        let records = visitor.records().await;
        let [record] = records.as_slice() else { panic!("{told}: {records:?}") };
        assert!(reason(record).starts_with(self.why), "{} is not {}", reason(record), self.why);
        assert_eq!(outcome(record), "8", "{told}");
    }
}

/// What `from` makes of a text that must have it.
fn edited(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

fn ask() -> Ask {
    shared().ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"))
}

fn query() -> String {
    Query::find_documents(&world::patient_id(1001)).body()
}

fn retrieve() -> String {
    retrieve_request(&[DocumentRequest {
        home: Some(world::HOME.to_owned()),
        repository: world::REPOSITORY.to_owned(),
        document: world::document_id(1001, 1),
    }])
}

/// A query's envelope with which nothing is wrong.
fn envelope() -> String {
    ask().envelope(action::QUERY, QUERY, &query())
}

async fn refuses(envelope: impl AsRef<[u8]>, status: u16, fault: &[&str], why: &str) -> Response {
    Refused { status, fault, why }.holds(&post(QUERY, Some(SOAP), envelope.as_ref())).await
}

#[test]
fn what_every_case_starts_from_is_answered() {
    run(async {
        let visitor = Visitor::new();
        let response = visitor.exchange(&post(QUERY, Some(SOAP), envelope().as_bytes())).await;
        assert_eq!(response.status, 200);
        assert!(response.body.contains("AdhocQueryResponse"));
        assert_eq!(kinds(&visitor.records().await), [("ITI-38".to_owned(), "0".to_owned())]);
        for packaging in [Packaging::Mtom, Packaging::Simple] {
            let entity = ask().entity(action::RETRIEVE, RETRIEVE, &retrieve(), packaging);
            let request = post(RETRIEVE, Some(&entity.content_type), &entity.body);
            let response = Visitor::new().exchange(&request).await;
            assert_eq!(response.status, 200);
            assert!(response.envelope().contains("RetrieveDocumentSetResponse"));
        }
    });
}

#[test]
fn only_post_reaches_a_transaction() {
    run(async {
        let why = "neither POST nor a request for the WSDL";
        let refused = Refused { status: 405, fault: SENDER, why };
        for (method, target) in [
            ("GET", QUERY),
            ("GET", RETRIEVE),
            ("GET", "/xca/query?wsdl=1"),
            ("PUT", QUERY),
            ("PUT", "/xca/query?wsdl"),
            ("DELETE", RETRIEVE),
            ("OPTIONS", QUERY),
        ] {
            let request = format!(
                "{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 6\r\n\r\ns3cret"
            );
            let response = refused.holds(request.as_bytes()).await;
            assert_eq!(response.header("allow"), Some("GET, POST"), "{method} {target}");
        }
    });
}

#[test]
fn the_wsdl_has_our_address_and_no_record() {
    run(async {
        for path in [QUERY, RETRIEVE] {
            let visitor = Visitor::new();
            let request =
                format!("GET {path}?wsdl HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
            let response = visitor.exchange(request.as_bytes()).await;
            assert_eq!(response.status, 200);
            assert!(response.header("content-type").unwrap().starts_with("text/xml"));
            let address = format!("location=\"{}{path}\"", shared().stage.url);
            assert!(response.body.contains(&address), "{}", response.body);
            // whatever the first request had recorded would stand before this one's record
            visitor.exchange(&post(path, None, b"")).await;
            assert_eq!(visitor.records().await.len(), 1);
        }
    });
}

#[test]
fn other_paths_have_no_service() {
    run(async {
        for path in ["/", "/xca", "/xca/query/", "/xca/other", "/healthz", "/metrics"] {
            let response = Visitor::new().exchange(&post(path, Some(SOAP), b"<s3cret/>")).await;
            assert_eq!((response.status, response.fault_codes()), (404, vec![SENDER[0].into()]));
        }
    });
}

#[test]
fn bodies_have_a_limit() {
    run(async {
        let why = "the request body is larger than the limit";
        let refused = Refused { status: 413, fault: SENDER, why };
        for extra in [1, 1024] {
            let body = vec![b' '; limits::REQUEST_BYTES + extra];
            refused.holds(&post(QUERY, Some(SOAP), &body)).await;
        }
        // more than any buffer on the way holds, from a sender that writes all before it reads
        let visitor = Visitor::new();
        let mut stream = visitor.shake(&context("partners/riverside/tls").build()).await.unwrap();
        let body = vec![b' '; 16 * 1024 * 1024];
        stream.write_all(&post(QUERY, Some(SOAP), &body)).await.unwrap();
        refused.holds_for(&visitor, &read(stream).await).await;
        let head = b"POST /xca/query HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                     Transfer-Encoding: chunked\r\n\r\n";
        let chunk = [b"80000\r\n", vec![b' '; 0x80000].as_slice(), b"\r\n"].concat();
        let request = [head.as_slice(), &chunk.repeat(5), b"0\r\n\r\n"].concat();
        refused.holds(&request).await;
        // as much as is allowed is read, and found to be nothing
        let body = vec![b' '; limits::REQUEST_BYTES];
        refuses(&body, 400, SENDER, "malformed XML").await;
    });
}

#[test]
fn a_body_that_breaks_off_is_told_apart() {
    run(async {
        let visitor = Visitor::new();
        let mut stream = visitor.shake(&context("partners/riverside/tls").build()).await.unwrap();
        let request = post(QUERY, Some(SOAP), envelope().as_bytes());
        stream.write_all(&request[..request.len() - 10]).await.unwrap();
        stream.shutdown().await.unwrap();
        let response = read(stream).await;
        let why = "the connection broke off in the request body";
        assert_eq!((response.status, response.fault_codes()), (400, vec![SENDER[0].into()]));
        let records = visitor.records().await;
        assert_eq!(kinds(&records), [("ITI-38".to_owned(), "8".to_owned())]);
        assert!(reason(&records[0]).starts_with(why), "{}", records[0]);
    });
}

#[test]
fn only_soap_1_2_and_mtom_in_utf_8_are_read() {
    run(async {
        let envelope = envelope();
        for (content_type, status, why) in [
            (Some("text/xml; charset=utf-8"), 415, "text/xml is SOAP 1.1"),
            (Some("application/json"), 415, "media type \"application/json\" is neither"),
            (Some("multipart/form-data; boundary=x"), 415, "media type \"multipart/form-data\""),
            (None, 415, "no Content-Type"),
            (Some("application/soap+xml; charset=utf-16"), 415, "charset \"utf-16\" is not utf-8"),
            (Some("s3cret"), 400, "malformed Content-Type"),
            (Some("application/soap+xml; charset=utf-8; charset=x"), 400, "malformed Content-Type"),
        ] {
            for path in [QUERY, RETRIEVE] {
                let refused = Refused { status, fault: SENDER, why };
                refused.holds(&post(path, content_type, envelope.as_bytes())).await;
            }
        }
    });
}

#[test]
fn only_well_formed_utf_8_within_bounds_is_read() {
    run(async {
        let good = envelope();
        let utf_16 = |bom: &[u16]| -> Vec<u8> {
            let units = bom.iter().copied().chain(good.encode_utf16());
            units.flat_map(u16::to_le_bytes).collect()
        };
        let within = |content: &str| edited(&good, "<query:", &format!("{content}<query:"));
        let namespaces: String = (0..=limits::XML_NAMESPACES)
            .map(|n| format!("<a xmlns:n{n}=\"urn:s3cret\"/>"))
            .collect();
        let attributes: String =
            (0..=limits::XML_ATTRIBUTES).map(|n| format!(" a{n}=\"s3cret\"")).collect();
        let deep = |n: usize| within(&format!("{}{}", "<a>".repeat(n), "</a>".repeat(n)));
        let declared =
            |encoding: &str| format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?>{good}");
        let with_dtd = format!("<!DOCTYPE e [<!ENTITY e \"s3cret\">]>{good}");
        let nodes = "<a/>".repeat(limits::XML_NODES as usize);
        for (body, why) in [
            (Vec::new(), "malformed XML"),
            (b"s3cret".to_vec(), "malformed XML"),
            (good.as_bytes()[..good.len() / 2].to_vec(), "malformed XML"),
            (format!("{good}<s3cret/>").into_bytes(), "malformed XML"),
            (with_dtd.into_bytes(), "malformed XML: XML with DTD detected"),
            (edited(&good, "P-1001", "&e;").into_bytes(), "malformed XML"),
            (utf_16(&[0xfeff]), "the envelope is not UTF-8"),
            (utf_16(&[]), "malformed XML"),
            (declared("UTF-16").into_bytes(), "the XML declaration says \"UTF-16\", not UTF-8"),
            (declared("ISO-8859-1").into_bytes(), "the XML declaration says \"ISO-8859-1\""),
            (deep(limits::XML_DEPTH).into_bytes(), "XML nested deeper than 64"),
            (deep(60_000).into_bytes(), "XML nested deeper than 64"),
            (within(&namespaces).into_bytes(), "XML has more than 512 namespace declarations"),
            (within(&format!("<a{attributes}/>")).into_bytes(), "an XML element has more than 256"),
            (within(&nodes).into_bytes(), "XML has more than 100000 nodes"),
        ] {
            refuses(body, 400, SENDER, why).await;
        }
    });
}

#[test]
fn envelopes_of_another_shape_are_refused() {
    run(async {
        let good = envelope();
        let soap_1_1 = good.replace(ns::SOAP, "http://schemas.xmlsoap.org/soap/envelope/");
        let fault = ["env:VersionMismatch"];
        let response = refuses(soap_1_1, 500, &fault, "not a SOAP 1.2 envelope").await;
        assert!(response.body.contains("SupportedEnvelope"), "{}", response.body);

        let body = good.split_once("<env:Body>").unwrap().1.replace("</env:Envelope>", "");
        let two = edited(&good, "</env:Envelope>", &format!("<env:Body>{body}</env:Envelope>"));
        let none = edited(&good, &query(), "");
        let twin = edited(&good, &query(), &query().repeat(2));
        let at_most = "an envelope holds at most one Header, then one Body";
        refuses(two, 400, SENDER, at_most).await;
        refuses(edited(&good, "<env:Header>", "<env:Header/><env:Header>"), 400, SENDER, at_most)
            .await;
        refuses(none, 400, SENDER, "the Body holds 0 elements, not one").await;
        refuses(twin, 400, SENDER, "the Body holds 2 elements, not one").await;

        let ask = ask();
        let wrong = ask.envelope(action::QUERY, QUERY, &retrieve());
        refuses(wrong, 400, SENDER, "the body does not belong to the action").await;
        let wrong = ask.envelope(action::RETRIEVE, RETRIEVE, &query());
        let why = "the body does not belong to the action";
        let request = post(RETRIEVE, Some(SOAP), wrong.as_bytes());
        Refused { status: 400, fault: SENDER, why }.holds(&request).await;
    });
}

#[test]
fn headers_that_must_be_understood_are() {
    run(async {
        let good = envelope();
        let block = "<x:Pay xmlns:x=\"urn:x\" env:mustUnderstand=\"1\">s3cret</x:Pay>";
        let added = edited(&good, "</env:Header>", &format!("{block}</env:Header>"));
        let why = "header block {urn:x}Pay is not understood";
        let response = refuses(added, 500, &["env:MustUnderstand"], why).await;
        let named = "<env:NotUnderstood qname=\"b:Pay\" xmlns:b=\"urn:x\"/>";
        assert!(response.body.contains(named), "{}", response.body);
    });
}

#[test]
fn actions_belong_to_their_path() {
    run(async {
        let (ask, unsupported) = (ask(), ["env:Sender", "wsa:ActionNotSupported"]);
        for (path, action, body) in [
            (QUERY, action::RETRIEVE, retrieve()),
            (RETRIEVE, action::QUERY, query()),
            (QUERY, action::QUERY_RESPONSE, query()),
            (QUERY, "urn:ihe:iti:2007:Unheard", query()),
            (RETRIEVE, "urn:ihe:iti:2007:RetrieveDocumentSet", retrieve()),
        ] {
            let why = format!("action \"{action}\" is not served here");
            let refused = Refused { status: 400, fault: &unsupported, why: &why };
            let envelope = ask.envelope(action, path, &body);
            let response = refused.holds(&post(path, Some(SOAP), envelope.as_bytes())).await;
            let problem =
                format!("<wsa:ProblemAction><wsa:Action>{action}</wsa:Action></wsa:ProblemAction>");
            assert!(response.body.contains(&problem), "{}", response.body);
            let relates = format!("<wsa:RelatesTo>urn:uuid:{}</wsa:RelatesTo>", ask.message_id);
            assert!(response.body.contains(&relates), "{}", response.body);
        }
    });
}

#[test]
fn addressing_headers_keep_their_rules() {
    run(async {
        let good = envelope();
        let header = format!("<wsa:Action env:mustUnderstand=\"1\">{}</wsa:Action>", action::QUERY);
        let required = ["env:Sender", "wsa:MessageAddressingHeaderRequired"];
        refuses(edited(&good, &header, ""), 400, &required, "no wsa:Action").await;

        let invalid = "wsa:InvalidAddressingHeader";
        let id = "<wsa:MessageID>urn:uuid:00000000-0000-4000-8000-000000000000</wsa:MessageID>";
        let twice = edited(&good, "<wsa:To>", &format!("{id}<wsa:To>"));
        let fault = ["env:Sender", invalid, "wsa:InvalidCardinality"];
        refuses(twice, 400, &fault, "wsa:MessageID has a wrong cardinality").await;

        let address = format!("<wsa:Address>{}</wsa:Address>", action::ANONYMOUS);
        let fault = ["env:Sender", invalid, "wsa:MissingAddressInEPR"];
        let without = edited(&good, &address, "");
        refuses(without, 400, &fault, "wsa:ReplyTo has a wrong endpoint reference").await;
    });
}

#[test]
fn nobody_is_called_back() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let there = format!("http://{}/s3cret", listener.local_addr().unwrap());
    run(async {
        let good = envelope();
        let only = ["wsa:InvalidAddressingHeader", "wsa:OnlyAnonymousAddressSupported"];
        let fault = [SENDER[0], only[0], only[1]];
        let reply_to = edited(&good, action::ANONYMOUS, &there);
        refuses(reply_to, 400, &fault, "wsa:ReplyTo is not anonymous").await;
        let none = edited(&good, action::ANONYMOUS, "http://www.w3.org/2005/08/addressing/none");
        refuses(none, 400, &fault, "wsa:ReplyTo is not anonymous").await;
        let header =
            format!("<wsa:FaultTo><wsa:Address>{there}</wsa:Address></wsa:FaultTo></env:Header>");
        let fault_to = edited(&good, "</env:Header>", &header);
        refuses(fault_to, 400, &fault, "wsa:FaultTo is not anonymous").await;
        // a callback that waits for its turn would come before a later answer
        refuses(b"", 400, SENDER, "malformed XML").await;
    });
    let called = listener.accept().unwrap_err();
    assert_eq!(called.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn packages_that_cannot_be_taken_apart_are_refused() {
    run(async {
        for (path, action, body) in
            [(QUERY, action::QUERY, query()), (RETRIEVE, action::RETRIEVE, retrieve())]
        {
            let entity = ask().entity(action, path, &body, Packaging::Mtom);
            let (content_type, text) =
                (entity.content_type.as_str(), String::from_utf8(entity.body.to_vec()).unwrap());
            let start = format!("start=\"<{}", content_type.split("start=\"<").nth(1).unwrap());
            let elsewhere = content_type.replace(&start, "start=\"<s3cret>\"");
            let (first, _) = text.split_once("\r\n").unwrap();
            let part = format!("{first}\r\nContent-ID: <a>\r\n\r\n\r\n");
            for (content_type, text, status, why) in [
                (content_type, &text[..text.len() - 60], 400, "the multipart does not end in its"),
                (content_type, &text[..200], 400, "the multipart does not end in its"),
                (content_type, "", 400, "the multipart does not end in its"),
                ("multipart/related", &text, 400, "multipart without a boundary"),
                (elsewhere.as_str(), &text, 400, "the multipart has no root part"),
                (content_type, &format!("{part}{part}{text}"), 400, "two MIME parts have the same"),
                (content_type, &format!("{}{text}", part.repeat(51)), 400, "two MIME parts"),
                (content_type, &text.replace(": binary", ": base64"), 400, "Content-Transfer-"),
                (content_type, &text.replace("xop+xml", "pdf"), 415, "root part of type"),
            ] {
                let refused = Refused { status, fault: SENDER, why };
                let response =
                    refused.holds(&post(path, Some(content_type), text.as_bytes())).await;
                // multipart is answered in multipart, errors too
                let packed = response.header("content-type").unwrap().starts_with("multipart/");
                assert!(packed, "{why}: {response:?}");
            }
        }
    });
}

#[test]
fn what_is_no_http_harms_nothing() {
    run(async {
        let context = context("partners/riverside/tls").build();
        let mut strangers = Vec::new();
        let long = format!("GET /xca/query HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(100_000));
        let mut noise = vec![0; 4_096];
        SystemRandom.fill(&mut noise).unwrap();
        // or it might happen to be the beginning of a head
        noise[0] = 0;
        let garbage = [
            (b"s3cret\r\n\r\n".as_slice(), 400),
            (b"GET / HTTP/9.9\r\n\r\n", 400),
            // whoever speaks HTTP/2 would not read an answer in HTTP/1.1
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0),
            (long.as_bytes(), 431),
            (&noise, 400),
        ];
        for (bytes, status) in garbage {
            let visitor = Visitor::new();
            let stream = visitor.shake(&context).await.unwrap();
            let response = exchange(stream, bytes).await;
            assert_eq!(response.status, status, "{response:?}");
            assert!(!response.body.contains("s3cret"));
            strangers.push(visitor);
        }
        let visitor = Visitor::new();
        let response = visitor.exchange(&post(QUERY, Some(SOAP), envelope().as_bytes())).await;
        assert_eq!(response.status, 200);
        assert_eq!(event_type(&visitor.records().await[0]), "ITI-38");
        // no request, no record
        for stranger in strangers {
            let needle = format!("\"{}\"", stranger.address);
            let none = shared().stage.receiver.wait(&needle, Default::default(), |_| true).await;
            assert_eq!(none, Vec::<String>::new());
        }
    });
}
