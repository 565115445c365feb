use serde::{Deserialize, Serialize};

use super::check::Check;
use crate::ids::Coded;
use crate::policy::{Answer, Rationale, Telling, Terms};

/// `[partner.break_glass]`: how a partner's users break glass.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    members: Vec<String>,
    authn_contexts: Vec<String>,
    rationale_attribute: Option<String>,
    rationale_required: bool,
    rationale_characters: usize,
    acknowledgement_attribute: Option<String>,
    not_honoured: RawAnswer,
    telling: RawTelling,
    telling_code: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawAnswer {
    Warning,
    Silent,
    Failure,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RawTelling {
    None,
    Warning,
}

/// Some two words.
const RATIONALE_CHARACTERS: usize = 10;
/// More nobody writes in an emergency.
const MOST_CHARACTERS: usize = 500;

impl Default for Raw {
    fn default() -> Self {
        Self {
            members: Vec::new(),
            authn_contexts: Vec::new(),
            rationale_attribute: None,
            rationale_required: true,
            rationale_characters: RATIONALE_CHARACTERS,
            acknowledgement_attribute: None,
            not_honoured: RawAnswer::Warning,
            telling: RawTelling::None,
            telling_code: None,
        }
    }
}

impl Raw {
    pub(super) fn no_members(&self) -> bool {
        self.members.is_empty()
    }
}

pub(super) fn read(raw: &Raw, roles: Vec<Coded>, at: usize, check: &mut Check<'_>) -> Terms {
    let key = |name: &str| format!("partner[{at}].break_glass.{name}");
    let blank = |text: &String| text.trim().is_empty();
    for (name, texts, mend) in [
        ("members", &raw.members, "write NameIDs or provider identifiers as the issuer does"),
        (
            "authn_contexts",
            &raw.authn_contexts,
            "write AuthnContextClassRefs, such as urn:oasis:names:tc:SAML:2.0:ac:classes:SmartcardPKI",
        ),
    ] {
        if texts.iter().any(blank) {
            check.problem(&key(name), "has an empty text in it", mend);
        }
    }
    for (name, text) in [
        ("rationale_attribute", &raw.rationale_attribute),
        ("acknowledgement_attribute", &raw.acknowledgement_attribute),
    ] {
        if text.as_ref().is_some_and(blank) {
            let mend = "write the Name of the SAML attribute, or leave the line out";
            check.problem(&key(name), "is empty", mend);
        }
    }
    if !(1..=MOST_CHARACTERS).contains(&raw.rationale_characters) {
        let mend = format!("write a number from 1 to {MOST_CHARACTERS}");
        check.problem(&key("rationale_characters"), "is out of range", &mend);
    }
    if let Some(code) = &raw.telling_code {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '.' | '#');
        if code.is_empty() || !code.chars().all(plain) {
            let mend = "write a code that the partner's software takes, such as XDSRegistryError";
            check.problem(&key("telling_code"), "is no code", mend);
        }
        if raw.telling == RawTelling::None {
            let mend = "write telling = \"warning\" too, or leave it out";
            check.problem(&key("telling_code"), "says how, but nothing is told", mend);
        }
    }
    Terms {
        roles,
        members: raw.members.clone(),
        authn_contexts: raw.authn_contexts.clone(),
        rationale: match &raw.rationale_attribute {
            None => Rationale::Deferred,
            Some(attribute) => Rationale::Asserted {
                attribute: attribute.trim().to_owned(),
                least_characters: raw.rationale_characters,
                required: raw.rationale_required,
            },
        },
        acknowledgement: raw.acknowledgement_attribute.as_deref().map(str::trim).map(str::to_owned),
        not_honoured: match raw.not_honoured {
            RawAnswer::Warning => Answer::Warning,
            RawAnswer::Silent => Answer::Silent,
            RawAnswer::Failure => Answer::Failure,
        },
        telling: match raw.telling {
            RawTelling::None => Telling::None,
            RawTelling::Warning => Telling::Warning { code: raw.telling_code.clone() },
        },
    }
}
