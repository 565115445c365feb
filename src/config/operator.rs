use std::fs;

use serde::{Deserialize, Serialize};

use super::Config;
use super::check::Check;
use crate::audit;

/// `[[operator]]`: an account of this machine whose commands may show data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    account: String,
}

/// A person who may see data, as the kernel names him; only [`Config::operator`] makes one.
#[derive(Debug, Clone)]
pub struct Operator {
    known: audit::Operator,
}

impl Operator {
    /// The account.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.known.account
    }

    pub(super) fn audited(&self) -> audit::Operator {
        self.known.clone()
    }
}

/// Whoever runs the command is no operator.
#[derive(Debug, thiserror::Error)]
#[error(
    "this command shows data of patients, so it asks for an operator, and `{account}` is none; who may see them adds \
     [[operator]] with account = \"{account}\" to the configuration"
)]
pub struct NotAnOperator {
    account: String,
}

impl Config {
    /// The operator who runs this process, by its effective user id.
    pub fn operator(&self) -> Result<Operator, NotAnOperator> {
        let uid = rustix::process::geteuid().as_raw();
        let account = account_of(uid);
        let number = uid.to_string();
        if self.operators.iter().any(|one| *one == account || *one == number) {
            return Ok(Operator { known: audit::Operator { account, uid } });
        }
        Err(NotAnOperator { account })
    }
}

pub(super) fn read(raw: &[Raw], check: &mut Check<'_>) -> Vec<String> {
    for (at, operator) in raw.iter().enumerate() {
        if operator.account.trim().is_empty() {
            let mend = "write an account of this machine, as `id -un` prints it, or its number";
            check.problem(&format!("operator[{at}].account"), "is empty", mend);
        }
    }
    let passwd = passwd();
    for account in raw.iter().map(|operator| operator.account.trim()) {
        let number = account.parse::<u32>().is_ok();
        if !account.is_empty() && !number && !is_listed(&passwd, account) {
            check.warnings.push(format!(
                "operator `{account}` is no account in /etc/passwd, so nobody is meant: write a name that stands there, \
                 or the number that `id -u` prints for an account of a directory"
            ));
        }
    }
    if raw.is_empty() {
        let none = "no [[operator]]: nobody may load, explain, review or read the audit trail";
        check.warnings.push(none.to_owned());
    }
    raw.iter().map(|operator| operator.account.trim().to_owned()).collect()
}

/// The account that runs this process.
#[must_use]
pub fn account() -> String {
    account_of(rustix::process::geteuid().as_raw())
}

/// What the machine itself calls an account; one that it does not list, such as a directory's, is its number.
fn account_of(uid: u32) -> String {
    named(&passwd(), uid).unwrap_or_else(|| uid.to_string())
}

fn passwd() -> String {
    fs::read_to_string("/etc/passwd").unwrap_or_default()
}

fn is_listed(passwd: &str, account: &str) -> bool {
    passwd.lines().any(|line| line.split(':').next() == Some(account))
}

fn named(passwd: &str, uid: u32) -> Option<String> {
    let account = |line: &str| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (number.parse() == Ok(uid) && !name.is_empty()).then(|| name.to_owned())
    };
    passwd.lines().find_map(account)
}

#[cfg(test)]
mod tests {
    use super::{is_listed, named};

    #[test]
    fn an_account_is_what_passwd_calls_its_number() {
        let passwd =
            "root:x:0:0:root:/root:/bin/sh\nbad\n:x:7::\neve:x:1000:1000::/home/eve:/bin/sh\n";
        assert_eq!(named(passwd, 0).as_deref(), Some("root"));
        assert_eq!(named(passwd, 1000).as_deref(), Some("eve"));
        assert_eq!(named(passwd, 100), None);
        assert_eq!(named(passwd, 7), None);
        assert!(is_listed(passwd, "eve") && !is_listed(passwd, "ev") && !is_listed(passwd, "x"));
    }
}
