//! Messages of which a .NET stack moved parts of the security header out of the envelope.

use glassgate::client::{Client, Entity};
use glassgate::demo::world::RIVERSIDE;
use glassgate::soap::{Multipart, action};
use openssl::base64::decode_block;

use super::{Letter, piece, riverside, signed};
use crate::world::{between, kinds, run, shared};

/// The letter as MTOM, the base64 of these elements moved into parts; the status and the record's kind.
async fn sent(letter: &Letter, moved: &[&str], edit: impl Fn(Vec<u8>) -> Vec<u8>) -> (u16, String) {
    let out = Multipart::new(&letter.ask.message_id);
    let (mut envelope, mut parts) = (letter.envelope.clone(), Vec::new());
    for (n, element) in moved.iter().enumerate() {
        let whole = piece(&envelope, &format!("<ds:{element}>"), &format!("</ds:{element}>"));
        let text = between(&whole, ">", "<").unwrap();
        let include = format!(
            "<xop:Include xmlns:xop=\"http://www.w3.org/2004/08/xop/include\" href=\"{}\"/>",
            out.href(n)
        );
        envelope = envelope.replacen(&whole, &whole.replace(&text, &include), 1);
        parts.push(edit(decode_block(&text).unwrap()));
    }
    let mut body = out.root(&envelope).to_vec();
    for (n, part) in parts.iter().enumerate() {
        body.extend_from_slice(&out.part_head(n, "application/octet-stream"));
        body.extend_from_slice(part);
    }
    body.extend_from_slice(&out.end());
    let client = shared().client(&RIVERSIDE);
    let entity = Entity { content_type: out.content_type(action::QUERY), body: body.into() };
    let response = client.post(client.query_url(), entity).await.unwrap();
    let answer = Client::read_query(response).unwrap();
    let records = shared().records(&letter.ask).await;
    let (code, outcome) = kinds(&records).pop().unwrap();
    (answer.status, format!("{code} {outcome}"))
}

#[test]
fn moved_parts_are_read_where_they_were_signed() {
    run(async {
        for moved in [
            &["X509Certificate"][..],
            &["SignatureValue"],
            &["DigestValue"],
            &["X509Certificate", "SignatureValue", "DigestValue"],
        ] {
            let letter = Letter::new(signed(&riverside()));
            let told = sent(&letter, moved, |part| part).await;
            assert_eq!(told, (200, "ITI-38 0".to_owned()), "{moved:?}");
        }
    });
}

#[test]
fn another_part_is_another_signature() {
    run(async {
        let flip = |mut part: Vec<u8>| {
            part[3] ^= 1;
            part
        };
        for moved in ["SignatureValue", "DigestValue"] {
            let letter = Letter::new(signed(&riverside()));
            let told = sent(&letter, &[moved], flip).await;
            assert_eq!(told, (400, "110122 8".to_owned()), "{moved}");
        }
    });
}
