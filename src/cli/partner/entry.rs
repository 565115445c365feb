//! The text that `partner add` writes: an issuer, where it is new, and a partner.

use std::fmt::Write;

use toml::Value;

use crate::config;
use crate::ids::Coded;

/// A partner as it is written.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) issuer: String,
    /// How the issuer is trusted; none where it stands in the file already.
    pub(super) trust: Option<Trust>,
    /// Who confirms treatment relationships, where each message has a second assertion.
    pub(super) relationship: Option<Second>,
    pub(super) name: String,
    pub(super) profile: Option<String>,
    pub(super) homes: Vec<String>,
    pub(super) tls_certificates: Vec<String>,
    pub(super) etreat: Option<String>,
    pub(super) purposes: Option<Vec<String>>,
    pub(super) break_glass_roles: Option<Vec<Coded>>,
}

/// The issuer of second assertions.
#[derive(Debug)]
pub(super) struct Second {
    pub(super) issuer: String,
    /// How it is trusted; none where it stands in the file already.
    pub(super) trust: Option<Trust>,
}

/// What an issuer's signatures are verified with.
#[derive(Debug, Clone)]
pub(super) enum Trust {
    Pinned { certificates: Vec<String> },
    Metadata { file: String },
    Ca { roots: Vec<String>, subjects: Vec<String> },
}

impl Entry {
    pub(super) fn toml(&self) -> String {
        let mut out = String::new();
        if let Some(trust) = &self.trust {
            issuer(&mut out, &self.issuer, trust);
        }
        if let Some(Second { issuer: name, trust: Some(trust) }) = &self.relationship {
            issuer(&mut out, name, trust);
        }
        out.push_str("\n[[partner]]\n");
        line(&mut out, "name", &text(&self.name));
        if let Some(profile) = &self.profile {
            line(&mut out, "profile", &text(profile));
        }
        line(&mut out, "home_community_ids", &list(&self.homes));
        line(&mut out, "tls_certificates", &list(&self.tls_certificates));
        line(&mut out, "issuers", &list(std::slice::from_ref(&self.issuer)));
        if let Some(second) = &self.relationship {
            let profile = self.profile.as_deref();
            if !profile.is_some_and(config::profile_requires_relationship) {
                line(&mut out, "treatment_relationship", &text("require"));
            }
            line(&mut out, "relationship_issuers", &list(std::slice::from_ref(&second.issuer)));
        }
        if let Some(etreat) = &self.etreat {
            line(&mut out, "etreat", &text(etreat));
        }
        if let Some(purposes) = &self.purposes {
            line(&mut out, "purposes", &list(purposes));
        }
        if let Some(roles) = &self.break_glass_roles {
            let role = |role: &Coded| {
                format!("{{ code = {}, system = {} }}", text(&role.code), text(&role.system))
            };
            let roles: Vec<String> = roles.iter().map(role).collect();
            line(&mut out, "break_glass_roles", &format!("[{}]", roles.join(", ")));
        }
        out
    }
}

fn issuer(out: &mut String, name: &str, trust: &Trust) {
    out.push_str("\n[[issuer]]\n");
    line(out, "name", &text(name));
    let (kind, keys) = match trust {
        Trust::Pinned { certificates } => ("pinned", vec![("certificates", list(certificates))]),
        Trust::Metadata { file } => ("pinned", vec![("metadata", text(file))]),
        Trust::Ca { roots, subjects } => {
            ("ca", vec![("roots", list(roots)), ("subjects", list(subjects))])
        }
    };
    line(out, "trust", &text(kind));
    for (key, value) in keys {
        line(out, key, &value);
    }
}

fn line(out: &mut String, key: &str, value: &str) {
    let _written = writeln!(out, "{key} = {value}");
}

fn text(value: &str) -> String {
    Value::String(value.to_owned()).to_string()
}

fn list(values: &[String]) -> String {
    Value::Array(values.iter().map(|value| Value::String(value.clone())).collect()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_whatever_was_typed() {
        let odd = "a \"quoted\" \\ näme\n";
        let entry = Entry {
            issuer: odd.into(),
            trust: Some(Trust::Ca { roots: vec!["ca.crt".into()], subjects: vec![odd.into()] }),
            name: odd.into(),
            relationship: Some(Second {
                issuer: format!("2{odd}"),
                trust: Some(Trust::Metadata { file: odd.into() }),
            }),
            break_glass_roles: Some(vec![Coded::new("1", odd)]),
            ..Entry::default()
        };
        let table: toml::Table = toml::from_str(&entry.toml()).unwrap();
        assert_eq!(table["issuer"][0]["name"].as_str(), Some(odd));
        assert_eq!(table["issuer"][0]["subjects"][0].as_str(), Some(odd));
        assert_eq!(table["partner"][0]["issuers"][0].as_str(), Some(odd));
        assert_eq!(table["issuer"][1]["metadata"].as_str(), Some(odd));
        let second = &table["issuer"][1]["name"];
        assert_eq!(&table["partner"][0]["relationship_issuers"][0], second);
        assert_eq!(table["partner"][0]["treatment_relationship"].as_str(), Some("require"));
        assert_eq!(table["partner"][0]["break_glass_roles"][0]["code"].as_str(), Some("1"));
        assert!(table["partner"][0].get("etreat").is_none());
    }
}
