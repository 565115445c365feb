use crate::clock::Timestamp;
use crate::xml::{self, Node, ns};

use super::element::{Malformed, time};
use super::trust::{Partner, Settings};
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

    /// Whether they hold now, for us, in an assertion issued then.
    pub(super) fn hold(
        &self,
        issued: Timestamp,
        partner: &Partner,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<(), Reason> {
        self.hold_now(issued, partner, settings, now)?;
        self.hold_for_us(settings)
    }

    fn hold_now(
        &self,
        issued: Timestamp,
        partner: &Partner,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<(), Reason> {
        let longest = partner.longest_lifetime;
        let from = self.not_before.unwrap_or(issued);
        if from > now.plus(settings.clock_skew) {
            return Err(Reason::NotYetValid { from, now });
        }
        let until = self.not_on_or_after.unwrap_or(issued.plus(longest));
        if now >= until.plus(settings.clock_skew) {
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

    fn hold_for_us(&self, settings: &Settings) -> Result<(), Reason> {
        if let Some(name) = &self.unknown {
            return Err(Reason::UnknownCondition(name.clone()));
        }
        if self.one_time_use {
            return Err(Reason::OneTimeUse);
        }
        if self.audiences.is_empty() {
            return Err(Reason::NoAudience);
        }
        let ours = |audience: &String| settings.audiences.contains(audience);
        match self.audiences.iter().find(|restriction| !restriction.iter().any(ours)) {
            Some(foreign) => Err(Reason::Audience(quote(&foreign.join(" ")))),
            None => Ok(()),
        }
    }
}
