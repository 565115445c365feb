//! What would be decided, and why: the gateway's own decisions for a principal who is supposed, and nothing released.

use super::disclosure::weigh;
use super::outbound::Rules;
use super::terms::Terms;
use crate::clock::Timestamp;
use crate::consent::{Bar, Basis, Denial, Permit};
use crate::ids::{HomeCommunityId, PatientId};
use crate::labels::Kept;
use crate::policy::{self, Access, BreakGlass, NotHonoured, Rationale, Refusal};
use crate::principal::{Claims, Principal};
use crate::repository::{self, Criteria, Repository};

/// A request that nobody makes.
#[derive(Debug, Clone)]
pub struct Supposed {
    /// Whose documents would be asked for.
    pub patient: PatientId,
    /// What an assertion would say of the user.
    pub claims: Claims,
}

/// All that would be decided.
#[derive(Debug)]
pub struct Explanation {
    /// What policy says first; a refusal looks at no consent.
    pub admitted: Result<Declaration, Refusal>,
    /// Each document of the patient, the newest first.
    pub entries: Vec<Entry>,
    /// Consents that deny because they cannot be enforced: reference and code.
    pub unenforceable: Vec<(String, &'static str)>,
}

/// What would become of a declaration of break-glass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declaration {
    /// There is none.
    None,
    /// It would be honoured.
    Honoured,
    /// It would not.
    NotHonoured(NotHonoured),
}

/// One document with both decisions.
#[derive(Debug)]
pub struct Entry {
    /// Its uniqueId.
    pub document: String,
    /// Its labels, as codes.
    pub labels: Vec<String>,
    /// As treatment.
    pub treatment: Told,
    /// As break-glass, where that would be honoured.
    pub break_glass: Option<Told>,
    /// Why it stays for its labels, whatever consent says and break-glass lifts, and the denial that this is.
    pub kept: Option<(Kept, Told)>,
}

impl Entry {
    /// The decision that counts.
    #[must_use]
    pub fn outcome(&self) -> &Told {
        match (&self.kept, &self.break_glass) {
            (Some((_, kept)), _) => kept,
            (None, Some(with_break_glass)) if !self.treatment.permits => with_break_glass,
            (None, _) => &self.treatment,
        }
    }
}

/// A decision with what it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Whether the document would be released.
    pub permits: bool,
    /// Whether only break-glass does it.
    pub is_override: bool,
    /// Why break-glass does not help.
    pub bar: Option<&'static str>,
    /// The consent's id and version, `None` for the domain's policy.
    pub consent: Option<(String, String)>,
    /// The provision's path; `domain` or `labels` where it is no consent's.
    pub provision: String,
    /// The element that matched or failed.
    pub element: &'static str,
}

impl Told {
    fn of(decision: &Result<Permit, Denial>) -> Self {
        let (basis, permits, is_override, bar) = match decision {
            Ok(permit) => (permit.basis(), true, permit.is_override(), None),
            Err(denial) => (denial.basis(), false, false, denial.break_glass().map(Bar::code)),
        };
        let consent = consent_of(basis);
        let provision = basis.path().to_owned();
        Self { permits, is_override, bar, consent, provision, element: basis.element() }
    }

    fn kept(kept: &Kept) -> Self {
        let (provision, element) = ("labels".to_owned(), kept.code());
        let (permits, is_override, bar, consent) = (false, false, None, None);
        Self { permits, is_override, bar, consent, provision, element }
    }
}

fn consent_of(basis: &Basis) -> Option<(String, String)> {
    let version = basis.version().unwrap_or("-");
    basis.consent().map(|id| (id.to_owned(), version.to_owned()))
}

/// Decides as for a request, by the same functions; `None` where the patient is not known.
///
/// What only a declaration must bring (a reason, the acknowledgement, how the user was authenticated) is supposed to be
/// as agreed; how often break-glass was declared of late is not looked at.
pub fn explain(
    repository: &dyn Repository,
    terms: &Terms,
    home: &HomeCommunityId,
    mut supposed: Supposed,
    now: Timestamp,
) -> Result<Option<Explanation>, repository::Error> {
    let policy = &terms.policy;
    suppose_agreed(&mut supposed.claims, policy);
    let access = match policy::admit(&Principal::supposed(supposed.claims), policy) {
        Ok(access) => access,
        Err(refusal) => {
            let (entries, unenforceable) = (Vec::new(), Vec::new());
            return Ok(Some(Explanation { admitted: Err(refusal), entries, unenforceable }));
        }
    };
    let state = &*repository.snapshot()?;
    let Some(subject) = state.patient(&access, &supposed.patient)? else { return Ok(None) };
    let grant = weigh(state, &access, &subject, terms.consents.domain(), now)?;
    let outbound = Rules::of(terms, home, &access);
    let all = Criteria::All { statuses: vec![], created_from: None, created_to: None };
    let entries = state.find(&grant, &all)?.into_iter().map(|candidate| {
        let decision = grant.decide(&candidate.facts);
        let kept = outbound.check(&candidate.facts).err();
        Entry {
            document: candidate.unique_id,
            labels: candidate.facts.labels.into_iter().map(|label| label.code).collect(),
            treatment: Told::of(&decision.treatment),
            break_glass: decision.break_glass.as_ref().map(Told::of),
            kept: kept.map(|kept| {
                let told = Told::kept(&kept);
                (kept, told)
            }),
        }
    });
    let unenforceable = grant.unenforceable().map(|(id, reason)| (id.to_owned(), reason.code()));
    Ok(Some(Explanation {
        admitted: Ok(declaration(&access)),
        entries: entries.collect(),
        unenforceable: unenforceable.collect(),
    }))
}

fn declaration(access: &Access) -> Declaration {
    match access.break_glass() {
        BreakGlass::NotDeclared => Declaration::None,
        BreakGlass::Honoured(_) => Declaration::Honoured,
        BreakGlass::NotHonoured(why) => Declaration::NotHonoured(*why),
    }
}

fn suppose_agreed(claims: &mut Claims, policy: &policy::Settings) {
    let agreements = policy.agreements.iter();
    let Some(agreement) = agreements.into_iter().find(|a| a.partner == claims.partner) else {
        return;
    };
    let terms = &agreement.break_glass;
    if claims.authn_context.is_none() {
        claims.authn_context = terms.authn_contexts.first().cloned();
    }
    if let Some(attribute) = &terms.acknowledgement {
        claims.others.push((attribute.clone(), "true".to_owned()));
    }
    if let Rationale::Asserted { attribute, least_characters, .. } = &terms.rationale {
        claims.others.push((attribute.clone(), "x".repeat((*least_characters).max(1))));
    }
}
