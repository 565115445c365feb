//! What no partner can say by itself: names and certificates are one partner's alone, issuers are known.

use std::collections::{BTreeMap, BTreeSet};

use super::{Raw, Read};
use crate::config::check::Check;
use crate::saml::Issuer;

/// A partner is found by its certificate at the door.
pub(in crate::config) fn unique_certificates(partners: &[Read], check: &mut Check<'_>) {
    let mut owners = BTreeMap::new();
    for Read { at, partner, .. } in partners {
        for fingerprint in &partner.tls_fingerprints {
            let owner = owners.insert(fingerprint, &partner.name);
            if let Some(owner) = owner.filter(|owner| **owner != partner.name) {
                let what = format!("a certificate is `{owner}`'s too, so it would name nobody");
                let mend = "give each partner a TLS certificate of its own";
                check.problem(&format!("partner[{at}].tls_certificates"), what, mend);
            }
        }
    }
}

/// A partner is found by its name in agreements.
pub(in crate::config) fn unique_names(partners: &[Raw], check: &mut Check<'_>) {
    let mut names = BTreeSet::new();
    for (at, partner) in partners.iter().enumerate() {
        let name = partner.name.as_deref().unwrap_or_default().trim();
        if !name.is_empty() && !names.insert(name) {
            let what = format!("`{name}` is taken by another partner");
            check.problem(&format!("partner[{at}].name"), what, "give each partner its own name");
        }
    }
}

/// Each name of an issuer that a partner lists, with the key that it stands under.
fn listed(partner: &Raw) -> impl Iterator<Item = (&'static str, &String)> {
    let lists =
        [("issuers", &partner.issuers), ("relationship_issuers", &partner.relationship_issuers)];
    let named = |(key, names)| Option::iter(names).flatten().map(move |name| (key, name));
    lists.into_iter().flat_map(named)
}

/// An issuer is listed by a name that an [[issuer]] has.
pub(in crate::config) fn known_issuers(
    partners: &[Raw],
    issuers: &[Issuer],
    check: &mut Check<'_>,
) {
    for (at, partner) in partners.iter().enumerate() {
        for (key, listed) in listed(partner) {
            if !issuers.iter().any(|issuer| issuer.name == *listed) {
                let what = format!("`{listed}` is the name of no [[issuer]] that can be used");
                let mend = "add an [[issuer]] with this `name`, or mend the one that is there";
                check.problem(&format!("partner[{at}].{key}"), what, mend);
            }
        }
    }
    let listed = |name: &str| partners.iter().flat_map(listed).any(|(_, one)| one == name);
    for issuer in issuers.iter().filter(|issuer| !listed(&issuer.name)) {
        check.warnings.push(format!("issuer `{}` is listed by no partner", issuer.name));
    }
}
