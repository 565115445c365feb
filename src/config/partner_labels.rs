use std::collections::BTreeSet;

use super::check::Check;
use crate::labels::{Confidentiality, Outbound};

/// What a partner can do with labels, from `understood_labels` and `strip_labels_outbound`.
pub(super) fn read(
    understood: Option<&[String]>,
    strip: bool,
    at: usize,
    check: &mut Check<'_>,
) -> Outbound {
    let key = format!("partner[{at}].understood_labels");
    let set = |codes: &[String]| codes.iter().map(|code| code.trim().to_owned()).collect();
    let understood: Option<BTreeSet<String>> = understood.map(set);
    let mut listed = understood.iter().flatten();
    if listed.any(|code| code.is_empty() || Confidentiality::from_code(code).is_some()) {
        let mend = "list codes such as HIV or DELAU; confidentiality is understood by everybody";
        check.problem(&key, "has a code that is empty or a confidentiality", mend);
    }
    Outbound { understood, strip }
}
