use std::time::Duration;

use crate::clock::Timestamp;
use crate::limits;
use crate::xml::{self, Node, ns};

use super::element::{Malformed, time};
use super::rules::Held;
use super::trust::Partner;
use super::untrusted::{Reason, quote};

/// When and for whom an assertion is valid (SAML core 2.5).
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions {
    not_before: Option<Timestamp>,
    not_on_or_after: Option<Timestamp>,
    /// The audiences of each AudienceRestriction.
    audiences: Vec<Vec<String>>,
    one_time_use: bool,
    unknown: Option<String>,
}

impl Conditions {
    pub(super) fn read(node: Node<'_, '_>) -> Result<Self, Malformed> {
        let mut conditions = Self {
            not_before: time(node, "NotBefore")?,
            not_on_or_after: time(node, "NotOnOrAfter")?,
            ..Self::default()
        };
        for condition in node.children().filter(Node::is_element) {
            let name = condition.tag_name();
            match (name.namespace(), name.name()) {
                (Some(ns::SAML), "AudienceRestriction") => conditions.audiences.push(
                    xml::children(condition, ns::SAML, "Audience")
                        .map(|audience| xml::text(audience).into_owned())
                        .collect(),
                ),
                (Some(ns::SAML), "OneTimeUse") => conditions.one_time_use = true,
                // binds only who issues further assertions (SAML core 2.5.1.6)
                (Some(ns::SAML), "ProxyRestriction") => {}
                (_, local) => conditions.unknown = Some(quote(local)),
            }
        }
        Ok(conditions)
    }

    /// Whether the assertion may be used once alone.
    pub(super) fn one_time_use(&self) -> bool {
        self.one_time_use
    }

    /// When an assertion issued then is no longer valid; without an end it lives as long as agreed.
    fn end(&self, issued: Timestamp, longest: Duration) -> Timestamp {
        self.not_on_or_after.unwrap_or(issued.plus(longest))
    }

    /// From when on nobody believes it, whichever partner brings it and whatever a reload allows.
    pub(super) fn over_for_all(&self, issued: Timestamp) -> Timestamp {
        let end = self.not_on_or_after.unwrap_or(issued.plus(limits::LONGEST_LIFETIME));
        end.plus(limits::LONGEST_SKEW)
    }

    pub(super) fn hold_now(&self, held: &Held<'_>) -> Result<(), Reason> {
        let (issued, partner, now) = (held.assertion.issued, held.partner, held.now);
        let (longest, skew) = (held.longest_lifetime(), partner.clock_skew);
        let from = self.not_before.unwrap_or(issued);
        if from > now.plus(skew) {
            return Err(Reason::NotYetValid { from, now });
        }
        let until = self.end(issued, longest);
        if now >= until.plus(skew) {
            return Err(Reason::Expired { until, now });
        }
        if self.not_on_or_after.is_none() {
            return Ok(());
        }
        if until <= from {
            return Err(Reason::NoLifetime);
        }
        let lifetime = until.since(from);
        if lifetime > longest {
            return Err(Reason::Lifetime { lifetime, longest });
        }
        Ok(())
    }

    pub(super) fn are_known(&self) -> Result<(), Reason> {
        match &self.unknown {
            Some(name) => Err(Reason::UnknownCondition(name.clone())),
            None => Ok(()),
        }
    }

    pub(super) fn hold_for_us(&self, partner: &Partner) -> Result<(), Reason> {
        if self.audiences.is_empty() {
            return Err(Reason::NoAudience);
        }
        let ours = |audience: &String| partner.audiences.contains(audience);
        match self.audiences.iter().find(|restriction| !restriction.iter().any(ours)) {
            Some(foreign) => Err(Reason::Audience(quote(&foreign.join(" ")))),
            None => Ok(()),
        }
    }
}
