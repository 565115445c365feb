//! Who signs a new partner's assertions, and how that is trusted.

use std::io::BufRead;
use std::path::Path;

use super::add::{Options, certificate, each, located, one, question};
use super::answers::Answers;
use super::entry::{Second, Trust};
use crate::cli::Failed;
use crate::saml::Subject;

/// How a new issuer is trusted: as the flags say, or by its certificates.
pub(super) fn first(
    options: &Options,
    folder: &Path,
    answers: &mut Answers<impl BufRead>,
) -> Result<Trust, Failed> {
    if let Some(file) = &options.issuer_metadata {
        return Ok(Trust::Metadata { file: located(folder, file)? });
    }
    if !options.issuer_root.is_empty() {
        let roots = each(&options.issuer_root, |file| certificate(folder, file))?;
        let subjects = answers.ask(
            &options.issuer_subject,
            question(
                "--issuer-subject",
                "Subject of its certificate, as CN=sts.example, O=Example",
                None,
            ),
            |typed| {
                each(typed, |text| {
                    let read = Subject::parse(text).map(|_| text.to_owned());
                    read.ok_or(format!(
                        "`{text}` is no subject, as CN=sts.example, O=Example is one"
                    ))
                })
            },
        )?;
        return Ok(Trust::Ca { roots, subjects });
    }
    // metadata and a network's CA are given by flags alone
    let text = "Files of the certificates that the issuer signs with (for one of a network's CA give --issuer-root, for \
                metadata --issuer-metadata)";
    let certificates = answers.ask(
        &options.issuer_certificate,
        question("--issuer-certificate", text, None),
        |typed| each(typed, |file| certificate(folder, file)),
    )?;
    Ok(Trust::Pinned { certificates })
}

/// Who confirms treatment relationships: trusted as the flags say, else as the first issuer is.
pub(super) fn second(
    options: &Options,
    folder: &Path,
    first: Option<&Trust>,
    known: impl Fn(&str) -> bool,
    answers: &mut Answers<impl BufRead>,
) -> Result<Second, Failed> {
    let text = "Exact Issuer of its second assertions, on treatment relationships";
    let issuer = answers.ask(
        &options.relationship_issuer,
        question("--relationship-issuer", text, None),
        one,
    )?;
    let given = options.relationship_certificate.as_slice();
    if known(&issuer) && !given.is_empty() {
        return Err(format!(
            "there is an [[issuer]] `{issuer}` already: leave --relationship-certificate out"
        )
        .into());
    }
    let trust = match first {
        _ if known(&issuer) => None,
        Some(same) if given.is_empty() => Some(same.clone()),
        _ => {
            let text = "Files of the certificates that this issuer signs with";
            let question = question("--relationship-certificate", text, None);
            let read = |typed: &[String]| each(typed, |file| certificate(folder, file));
            Some(Trust::Pinned { certificates: answers.ask(given, question, read)? })
        }
    };
    Ok(Second { issuer, trust })
}
