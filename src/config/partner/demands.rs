use super::Raw;
use crate::config::check::Check;
use crate::dsig::{Algorithms, Key};
use crate::saml::{ConfirmationMethod, ConfirmationMethods, Demands};

/// A Timestamp is for one message: an hour is long enough for the worst clock.
const LONGEST_AGE_S: u64 = 3600;

/// Reads what a partner's messages must show, and fills in its defaults.
pub(super) fn read(raw: &mut Raw, at: usize, check: &mut Check<'_>) -> Demands {
    let key = |name: &str| format!("partner[{at}].{name}");
    let usual = Demands::default();
    let named = usual.confirmations.iter().map(|method| method.name().to_owned());
    let names = raw.confirmations.get_or_insert_with(|| named.collect());
    if names.is_empty() {
        let mend = "name at least one method, or remove the key";
        check.problem(&key("confirmations"), "is empty, so nobody could ask", mend);
    }
    let mut confirmations = Vec::new();
    for name in names.iter() {
        match ConfirmationMethod::from_name(name) {
            Some(method) => confirmations.push(method),
            None => {
                let known = ConfirmationMethod::ALL.map(ConfirmationMethod::name).join(", ");
                let what = format!("`{name}` is no confirmation method");
                check.problem(&key("confirmations"), what, &format!("write one of {known}"));
            }
        }
    }
    let setting = key("message_certificates");
    let mut message_keys = Vec::new();
    for path in raw.message_certificates.get_or_insert_default().iter() {
        for certificate in check.certificates(&setting, path).unwrap_or_default() {
            let mend = "use RSA from 2048 bits, or P-256 to P-521";
            message_keys.extend(check.parsed(&setting, Key::from_certificate(&certificate), mend));
        }
    }
    let age = *raw.timestamp_age_s.get_or_insert(usual.longest_age.as_secs());
    let longest_age = check.seconds(&key("timestamp_age_s"), age, LONGEST_AGE_S);
    let danger_allow_sha1 = *raw.danger_allow_sha1.get_or_insert(false);
    if danger_allow_sha1 {
        let name = raw.name.as_deref().unwrap_or_default();
        check.warnings.push(format!(
            "partner `{name}` may sign with SHA-1, which can be forged: ask for SHA-256, then remove `{}`",
            key("danger_allow_sha1")
        ));
    }
    Demands {
        algorithms: Algorithms { danger_allow_sha1 },
        confirmations: confirmations.into_iter().collect::<ConfirmationMethods>(),
        signed_timestamp: *raw.signed_timestamp.get_or_insert(false),
        longest_age: longest_age.unwrap_or(usual.longest_age),
        message_keys,
    }
}
