//! What is packed how: an answer comes in the packaging of its request (ITI TF-2 V.8), and a transfer that ends early is known.

use std::io::{Read, Write};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use glassgate::client::{Client, Query, Settings};
use glassgate::config;
use glassgate::demo::world::{self, HILLTOP, HOME, LARGE_BYTES, RIVERSIDE};
use glassgate::gateway::Transaction;
use glassgate::server::Server;
use glassgate::soap::{Packaging, SIMPLE_CONTENT_TYPE, action};
use glassgate::xds::{RetrievedContent, Status, read_query_response, retrieve_request};
use openssl::ssl::{SslConnector, SslFiletype, SslMethod};

use crate::asked::{codes, document, envelope, numbered};
use crate::record::kinds;
use crate::world::{between, event_type, order, outcome, run, shared};

#[test]
fn a_query_in_multipart_is_answered_in_multipart() {
    run(async {
        let find = Query::find_documents(&world::patient_id(1001)).body();
        let wrong = find.replace("LeafClass", "Leaf");
        for (body, status) in [(find, Status::Success), (wrong, Status::Failure)] {
            let ask = shared().ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"));
            let raw =
                shared().post(&RIVERSIDE, &ask, Transaction::Query, &body, Packaging::Mtom).await;
            assert!(raw.content_type.starts_with("multipart/related"), "{}", raw.content_type);
            assert!(raw.content_type.contains(action::QUERY_RESPONSE), "{}", raw.content_type);
            assert_eq!(read_query_response(&envelope(&raw)).unwrap().status, status);
            assert_eq!(shared().journalled(&ask).len(), 1);
        }
    });
}

#[test]
fn documents_are_parts_of_a_multipart_or_text_in_a_simple_answer() {
    let asked = [numbered(1001, 1), numbered(1001, 999), numbered(1001, 2)];
    let folder = shared().stage.layout.data().join("p1001/documents");
    let stored = ["1.xml", "2.pdf"].map(|name| std::fs::read(folder.join(name)).unwrap());
    run(async {
        for packaging in [Packaging::Mtom, Packaging::Simple] {
            let ask = shared().ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"));
            let answer = shared().retrieve_as(&RIVERSIDE, &ask, &asked, packaging).await;
            assert_eq!(answer.answer.status, Status::PartialSuccess);
            assert_eq!(codes(&answer.answer.errors), ["XDSDocumentUniqueIdError"]);
            assert_eq!(kinds(&answer.records), [("ITI-39", "0"), ("ITI-39", "8")]);
            assert_eq!(answer.answer.documents.len(), 2);
            let multipart = answer.raw.content_type.starts_with("multipart/related");
            assert_eq!(multipart, packaging == Packaging::Mtom, "{}", answer.raw.content_type);
            for (document, stored) in answer.answer.documents.iter().zip(&stored) {
                match &document.content {
                    RetrievedContent::Inline(base64) => {
                        assert!(!multipart && STANDARD.decode(base64).unwrap() == *stored);
                    }
                    RetrievedContent::Part(href) => {
                        assert!(multipart && href.starts_with("cid:"), "{href}");
                        let body = &answer.raw.body;
                        assert!(body.windows(stored.len()).any(|part| part == stored));
                    }
                }
            }
        }
    });
}

#[test]
fn errors_are_packed_as_their_request() {
    let good = numbered(1001, 1);
    run(async {
        for packaging in [Packaging::Mtom, Packaging::Simple] {
            for (purpose, asked) in
                [("HPAYMT", vec![good.clone()]), ("TREAT", vec![numbered(1001, 999)])]
            {
                let ask = shared().ask(&RIVERSIDE, &order(&RIVERSIDE, purpose));
                let answer = shared().retrieve_as(&RIVERSIDE, &ask, &asked, packaging).await;
                assert_eq!(answer.answer.status, Status::Failure);
                assert_eq!(kinds(&answer.records), [("ITI-39", "8")]);
                packed(&answer.raw.content_type, packaging);
            }
            // a fault, as nobody signed
            let mut ask = shared().ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"));
            ask.assertion.clear();
            let body = retrieve_request(std::slice::from_ref(&good));
            let raw =
                shared().post(&RIVERSIDE, &ask, Transaction::Retrieve, &body, packaging).await;
            assert_eq!(raw.status, 400);
            assert!(envelope(&raw).contains("FailedAuthentication"));
            assert_eq!(kinds(&shared().journalled(&ask)).len(), 1);
            packed(&raw.content_type, packaging);
        }
    });
}

fn packed(content_type: &str, packaging: Packaging) {
    match packaging {
        Packaging::Mtom => assert!(content_type.starts_with("multipart/related"), "{content_type}"),
        Packaging::Simple => assert_eq!(content_type, SIMPLE_CONTENT_TYPE),
    }
}

#[test]
fn a_large_document_goes_into_a_simple_answer_too() {
    let id = world::large_document_id();
    run(async {
        let ask = shared().ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"));
        let body = retrieve_request(&[document(&id)]);
        let raw =
            shared().post(&RIVERSIDE, &ask, Transaction::Retrieve, &body, Packaging::Simple).await;
        assert_eq!((raw.status, raw.content_type.as_str()), (200, SIMPLE_CONTENT_TYPE));
        let text = std::str::from_utf8(&raw.body).unwrap();
        let base64 = between(text, "<xds:Document>", "</xds:Document>").unwrap();
        let bytes = STANDARD.decode(base64).unwrap();
        assert_eq!(bytes.len() as u64, LARGE_BYTES);
        let stored = shared().stage.layout.data().join("p1001/documents/5.pdf");
        assert!(bytes == std::fs::read(stored).unwrap());
        assert_eq!(kinds(&shared().journalled(&ask)), [("ITI-39", "0")]);
    });
}

#[test]
fn a_strict_partner_is_held_to_each_transactions_packaging() {
    let layout = &shared().stage.layout;
    let strict = layout.root().join("strict.toml");
    let url = run(async {
        let toml = std::fs::read_to_string(layout.config()).unwrap();
        let mut lines: Vec<String> = toml.lines().map(str::to_owned).collect();
        let mut riverside = false;
        for line in &mut lines {
            riverside |= line == "name = \"riverside\"";
            if line.starts_with("listen =") || line.starts_with("management =") {
                let (key, _) = line.split_once(" = ").unwrap();
                *line = format!("{key} = \"127.0.0.1:0\"");
            } else if line.starts_with("journal =") {
                *line = "journal = \"audit/strict\"".to_owned();
            } else if line.starts_with("etreat =") && riverside {
                line.push_str("\nstrict_packaging = true");
                riverside = false;
            }
        }
        std::fs::write(&strict, lines.join("\n")).unwrap();
        let opened = config::read(&strict).unwrap().open().unwrap();
        let server = Server::bind(opened.server).await.unwrap();
        let url = format!("https://{}", server.address());
        let serving = server.serve(opened.gateway, opened.delivery, std::future::pending());
        tokio::spawn(serving);
        url
    });
    let find = Query::find_documents(&world::patient_id(1001)).body();
    let retrieve = retrieve_request(&[numbered(1001, 1)]);
    run(async {
        for (partner, transaction, packaging, accepted) in [
            (RIVERSIDE, Transaction::Query, Packaging::Simple, true),
            (RIVERSIDE, Transaction::Query, Packaging::Mtom, false),
            (RIVERSIDE, Transaction::Retrieve, Packaging::Mtom, true),
            (RIVERSIDE, Transaction::Retrieve, Packaging::Simple, false),
            (HILLTOP, Transaction::Query, Packaging::Mtom, true),
            (HILLTOP, Transaction::Retrieve, Packaging::Simple, true),
        ] {
            let read = |file: &str| std::fs::read(layout.partner(partner.name, file)).unwrap();
            let ca = std::fs::read(layout.pki().join("ca.crt")).unwrap();
            let settings = Settings::at(&url, ca, read("tls.crt"), read("tls.key"));
            let client = Client::new(&settings).unwrap();
            let ask = shared().ask(&partner, &order(&partner, "TREAT"));
            let (url, action, body) = match transaction {
                Transaction::Query => (client.query_url(), action::QUERY, &find),
                Transaction::Retrieve => (client.retrieve_url(), action::RETRIEVE, &retrieve),
            };
            let raw = client.post(url, ask.entity(action, url, body, packaging)).await.unwrap();
            let records = shared().records(&ask).await;
            let says = envelope(&raw).contains("wrong packaging for the transaction");
            let (status, indicator) = if accepted { (200, "0") } else { (400, "8") };
            assert_eq!((raw.status, says), (status, !accepted), "{partner:?} {packaging:?}");
            let [record] = records.as_slice() else { panic!("{records:?}") };
            assert_eq!(
                (event_type(record).as_str(), outcome(record).as_str()),
                (transaction.name(), indicator)
            );
            packed(&raw.content_type, packaging);
        }
    });
}

#[test]
fn a_transfer_that_breaks_off_is_recorded_after_the_answer() {
    let ask = shared().ask(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"));
    let address = shared().stage.url.strip_prefix("https://").unwrap().to_owned();
    let url = format!("https://{address}/xca/retrieve");
    let body = retrieve_request(&[document(&world::large_document_id())]);
    let entity = ask.entity(action::RETRIEVE, &url, &body, Packaging::Mtom);
    let layout = &shared().stage.layout;
    let mut tls = SslConnector::builder(SslMethod::tls()).unwrap();
    tls.set_ca_file(layout.pki().join("ca.crt")).unwrap();
    tls.set_certificate_chain_file(layout.partner("riverside", "tls.crt")).unwrap();
    tls.set_private_key_file(layout.partner("riverside", "tls.key"), SslFiletype::PEM).unwrap();
    let mut stream =
        tls.build().connect("127.0.0.1", TcpStream::connect(&address).unwrap()).unwrap();
    let head = format!(
        "POST /xca/retrieve HTTP/1.1\r\nHost: {address}\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
        entity.content_type,
        entity.body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&entity.body).unwrap();
    let mut begun = vec![0; 64 * 1024];
    stream.read_exact(&mut begun).unwrap();
    drop(stream);
    let begun = String::from_utf8_lossy(&begun).into_owned();
    assert!(begun.starts_with("HTTP/1.1 200"), "{begun}");
    let length = between(&begun.to_ascii_lowercase(), "content-length: ", "\r\n").unwrap();

    let both = |records: &[String]| records.len() == 2;
    let patience = std::time::Duration::from_secs(20);
    run(shared().stage.receiver.wait(&ask.message_id, patience, both));
    let records = shared().journalled(&ask);
    assert_eq!(kinds(&records), [("ITI-39", "0"), ("ITI-39", "8")]);
    for record in &records {
        assert_eq!(record.patients, [world::patient_id(1001)]);
        assert_eq!(record.documents, [world::large_document_id()]);
    }
    let told = between(&records[1].description, "transfer aborted after ", " bytes").unwrap();
    let (sent, of) = told.split_once(" of ").unwrap();
    assert_eq!(of, length);
    let (sent, of): (u64, u64) = (sent.parse().unwrap(), of.parse().unwrap());
    assert!((32 * 1024..LARGE_BYTES).contains(&sent) && of > LARGE_BYTES, "{told}");
    // the gateway is none the worse for it
    let query = Query::get_documents(HOME, &[world::large_document_id()]);
    let asked = run(shared().query(&RIVERSIDE, &order(&RIVERSIDE, "TREAT"), &query));
    assert_eq!(asked.answer.status, Status::Success);
}
