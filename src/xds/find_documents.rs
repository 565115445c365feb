use std::fmt;

use super::entry::Availability;
use super::error::RegistryError;
use super::filter::{CODE_PARAMETERS, CodeFilter, Span, like};
use super::searched::{Searched, Text};
use super::slot::{Slots, missing};
use super::stored::StoredQuery;
use crate::ids::PatientId;

/// A query for the documents of one patient: FindDocuments, FindDocumentsByReferenceId, or the documents of GetAll.
///
/// `$XDSDocumentEntryType` is not read: without on-demand documents it is ignored (ITI TF-2 3.38.4.1.3.1).
#[derive(Clone, PartialEq, Eq)]
pub struct FindDocuments {
    patient: PatientId,
    statuses: Vec<Availability>,
    codes: Vec<CodeFilter>,
    created: Span,
    service_start: Span,
    service_stop: Span,
    /// Patterns of which one must match one author.
    authors: Vec<String>,
    /// Of each group one pattern must match one reference id.
    references: Vec<Vec<String>>,
}

impl FindDocuments {
    /// Reads the parameters; `query` is one of the three and says which may be there.
    pub(super) fn read(
        query: StoredQuery,
        patient: PatientId,
        slots: &Slots<'_, '_>,
    ) -> Result<Self, RegistryError> {
        let mut find = Self {
            patient,
            statuses: slots.statuses("$XDSDocumentEntryStatus")?,
            codes: Vec::new(),
            created: Span::default(),
            service_start: Span::default(),
            service_stop: Span::default(),
            authors: Vec::new(),
            references: Vec::new(),
        };
        if query == StoredQuery::GetAll {
            let parameters = CODE_PARAMETERS.into_iter().filter(|(name, ..)| {
                matches!(
                    *name,
                    "$XDSDocumentEntryFormatCode" | "$XDSDocumentEntryConfidentialityCode"
                )
            });
            find.codes = CodeFilter::read(slots, &parameters.collect::<Vec<_>>())?;
            return Ok(find);
        }
        find.codes = CodeFilter::read(slots, &CODE_PARAMETERS)?;
        find.created = Span::read(
            slots,
            "$XDSDocumentEntryCreationTimeFrom",
            "$XDSDocumentEntryCreationTimeTo",
        )?;
        find.service_start = Span::read(
            slots,
            "$XDSDocumentEntryServiceStartTimeFrom",
            "$XDSDocumentEntryServiceStartTimeTo",
        )?;
        find.service_stop = Span::read(
            slots,
            "$XDSDocumentEntryServiceStopTimeFrom",
            "$XDSDocumentEntryServiceStopTimeTo",
        )?;
        find.authors = slots.list("$XDSDocumentEntryAuthorPerson")?;
        if query == StoredQuery::FindDocumentsByReferenceId {
            let name = "$XDSDocumentEntryReferenceIdList";
            find.references = slots.groups(name)?;
            if find.references.is_empty() {
                return Err(missing(name));
            }
        }
        Ok(find)
    }

    /// The patient as the query names him.
    #[must_use]
    pub fn patient(&self) -> &PatientId {
        &self.patient
    }

    /// The statuses asked for, at least one.
    #[must_use]
    pub fn statuses(&self) -> &[Availability] {
        &self.statuses
    }

    /// The first creation time wanted, a DTM.
    #[must_use]
    pub fn created_from(&self) -> Option<&str> {
        self.created.from.as_deref()
    }

    /// The first creation time no longer wanted, a DTM.
    #[must_use]
    pub fn created_to(&self) -> Option<&str> {
        self.created.to.as_deref()
    }

    /// Whether an entry of the patient is one that the query asks for.
    #[must_use]
    pub fn matches(&self, entry: &Searched<'_>) -> bool {
        // an entry without service times is not excluded by them (ITI TF-2 3.18.4.1.2.3.7.1)
        let serviced = |span: &Span, time: &Option<Text<'_>>| {
            time.as_ref().is_none_or(|time| span.contains(&time.0))
        };
        let created = match &entry.creation_time {
            Some(time) => self.created.contains(&time.0),
            None => self.created.is_open(),
        };
        self.statuses.contains(&entry.status)
            && created
            && serviced(&self.service_start, &entry.service_start_time)
            && serviced(&self.service_stop, &entry.service_stop_time)
            && self.codes.iter().all(|filter| filter.holds(entry))
            && self.author_matches(entry)
            && self.references.iter().all(|group| {
                let ids = &entry.reference_ids;
                group.iter().any(|pattern| ids.iter().any(|id| like(pattern, &id.0)))
            })
    }

    fn author_matches(&self, entry: &Searched<'_>) -> bool {
        let mut persons = entry.authors.iter().filter_map(|author| author.person.as_ref());
        self.authors.is_empty()
            || persons.any(|person| self.authors.iter().any(|pattern| like(pattern, &person.0)))
    }
}

/// Author patterns and reference ids may identify people, so they stay out of logs.
impl fmt::Debug for FindDocuments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FindDocuments")
            .field("patient", &self.patient)
            .field("statuses", &self.statuses)
            .field("created", &self.created)
            .finish_non_exhaustive()
    }
}
