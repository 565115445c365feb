//! Whatever our verifier believes libxmlsec1 believes, with the same octets; refusing more than it does is our right.

#[path = "../../fuzz/bodies/mod.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "the crate root of fuzz/, of which a part is used here"
)]
mod bodies;
mod messages;
mod mutations;

use std::cell::Cell;

use glassgate::dsig::{Algorithms, Oracle, Ours, Reject, Verifier, gate, sign};
use glassgate::xml::{Bounds, parse};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};

use bodies::namespace::odd_namespace;
use bodies::riverside::{Kind, keys};
use messages::{Order, any_order, envelope, signed, stranger};
use mutations::any_mutation;

/// What the two verifiers make of one message.
fn compare(message: &str) -> Result<bool, String> {
    let Ok(document) = parse(message, Bounds::REQUEST) else { return Ok(false) };
    let Ok(gated) = gate(&document, Algorithms::default()) else { return Ok(false) };
    let Ok(ours) = Ours.octets(&gated, keys()) else { return Ok(false) };
    match Oracle.octets(&gated, keys()) {
        Ok(theirs) if theirs == ours => Ok(true),
        Ok(theirs) => Err(format!("other octets\nours   {ours}\ntheirs {theirs}\nof {message}")),
        // it may refuse to canonicalise those, not read them otherwise
        Err(_) if odd_namespace(&document) => Ok(false),
        Err(reject) => Err(format!("{reject}, but ours believes {ours}\nof {message}")),
    }
}

fn oracle(message: &str, kind: Kind) -> Result<String, Reject> {
    let document = parse(message, Bounds::REQUEST).unwrap();
    Oracle.octets(&gate(&document, Algorithms::default())?, std::slice::from_ref(kind.key()))
}

#[test]
fn the_oracle_tells_good_from_tampered() {
    for kind in Kind::BOTH {
        let message = signed(&Order { kind, ..Order::default() });
        assert!(oracle(&message, kind).unwrap().starts_with("<saml:Assertion "));
        for (from, to) in [("dr.lake", "dr.pond"), ("Version=\"2.0\"", "Version=\"2.1\"")] {
            let tampered = message.replacen(from, to, 1);
            assert_ne!(tampered, message);
            assert_eq!(oracle(&tampered, kind), Err(Reject::SignatureMismatch), "{from}");
        }
        let (stranger, other) =
            (stranger(kind), if kind == Kind::Rsa { Kind::Ec } else { Kind::Rsa });
        let document = parse(&message, Bounds::REQUEST).unwrap();
        let gated = gate(&document, Algorithms::default()).unwrap();
        assert_eq!(Oracle.octets(&gated, &[stranger]), Err(Reject::SignatureMismatch));
        assert_eq!(Oracle.octets(&gated, &[]), Err(Reject::NoKey));
        assert_eq!(Oracle.octets(&gated, &[other.key().clone()]), Err(Reject::KeyUnfit));
    }
}

#[test]
fn what_the_fuzzer_keeps_is_believed_by_both_or_refused() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/signature");
    for entry in std::fs::read_dir(corpus).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        bodies::signature::check(&bytes, |gated, kind| {
            Oracle.octets(gated, std::slice::from_ref(kind.key())).is_ok()
        });
    }
}

#[test]
fn what_we_sign_both_believe() {
    for kind in Kind::BOTH {
        let order = Order { kind, ..Order::default() };
        let signed = sign(&order.assertion(""), "_a1", &kind.signing_key()).unwrap();
        assert_eq!(compare(&envelope(&order, &signed)), Ok(true), "{kind:?}");
    }
}

#[test]
fn every_signed_message_is_believed_by_both() {
    run(1_500, any_order(), |order| {
        let message = signed(&order);
        match compare(&message) {
            Ok(true) => Ok(()),
            Ok(false) => Err(format!("ours refuses {message}")),
            Err(disagreement) => Err(disagreement),
        }
    });
}

#[test]
fn no_mutation_is_believed_by_ours_alone() {
    let (believed, refused) = (Cell::new(0), Cell::new(0));
    let mutated = (any_order(), prop::collection::vec(any_mutation(), 1..4));
    run(6_000, mutated, |(order, mutations)| {
        let message = mutations.iter().fold(signed(&order), |message, m| m.applied(&message));
        let count = if compare(&message)? { &believed } else { &refused };
        count.set(count.get() + 1);
        Ok(())
    });
    // the mutations must neither break everything nor nothing
    let (believed, refused) = (believed.get(), refused.get());
    assert!(believed > 300 && refused > 1_000, "{believed} believed, {refused} refused");
}

/// Holds a property to that many cases, the same in every run.
fn run<S: Strategy>(cases: u32, strategy: S, property: impl Fn(S::Value) -> Result<(), String>) {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let outcome = TestRunner::new_with_rng(config, random)
        .run(&strategy, |case| property(case).map_err(TestCaseError::fail));
    if let Err(TestError::Fail(reason, _) | TestError::Abort(reason)) = outcome {
        panic!("{reason}");
    }
}
