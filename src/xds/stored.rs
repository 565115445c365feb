use super::error::{ErrorCode, RegistryError};
use super::slot::{Slots, missing};
use crate::ids::PatientId;

/// The stored queries that a cross-community query may carry (ITI TF-2 3.18.4.1.2.4; 3.38.4.1.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoredQuery {
    /// Documents of a patient.
    FindDocuments,
    /// Documents of a patient that belong to an order, encounter or study.
    FindDocumentsByReferenceId,
    /// Submission sets of a patient.
    FindSubmissionSets,
    /// Folders of a patient.
    FindFolders,
    /// Whatever there is of a patient.
    GetAll,
    /// Documents by their ids.
    GetDocuments,
    /// Folders by their ids.
    GetFolders,
    /// Associations of objects.
    GetAssociations,
    /// Documents by their ids, and their associations.
    GetDocumentsAndAssociations,
    /// Submission sets that hold objects.
    GetSubmissionSets,
    /// A submission set with what it holds.
    GetSubmissionSetAndContents,
    /// A folder with what it holds.
    GetFolderAndContents,
    /// Folders that hold a document.
    GetFoldersForDocument,
    /// Documents that relate to a document.
    GetRelatedDocuments,
}

impl StoredQuery {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::FindDocuments,
        Self::FindDocumentsByReferenceId,
        Self::FindSubmissionSets,
        Self::FindFolders,
        Self::GetAll,
        Self::GetDocuments,
        Self::GetFolders,
        Self::GetAssociations,
        Self::GetDocumentsAndAssociations,
        Self::GetSubmissionSets,
        Self::GetSubmissionSetAndContents,
        Self::GetFolderAndContents,
        Self::GetFoldersForDocument,
        Self::GetRelatedDocuments,
    ];

    /// The query of that id, in any case.
    #[must_use]
    pub fn from_id(id: &str) -> Option<Self> {
        let id = id.trim().to_ascii_lowercase();
        Self::ALL.into_iter().find(|query| query.id() == id)
    }

    /// The id, `urn:uuid:` in front.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::FindDocuments => "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d",
            Self::FindDocumentsByReferenceId => "urn:uuid:12941a89-e02e-4be5-967c-ce4bfc8fe492",
            Self::FindSubmissionSets => "urn:uuid:f26abbcb-ac74-4422-8a30-edb644bbc1a9",
            Self::FindFolders => "urn:uuid:958f3006-baad-4929-a4de-ff1114824431",
            Self::GetAll => "urn:uuid:10b545ea-725c-446d-9b95-8aeb444eddf3",
            Self::GetDocuments => "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4",
            Self::GetFolders => "urn:uuid:5737b14c-8a1a-4539-b659-e03a34a5e1e4",
            Self::GetAssociations => "urn:uuid:a7ae438b-4bc2-4642-93e9-be891f7bb155",
            Self::GetDocumentsAndAssociations => "urn:uuid:bab9529a-4a10-40b3-a01f-f68a615d247a",
            Self::GetSubmissionSets => "urn:uuid:51224314-5390-4169-9b91-b1980040715a",
            Self::GetSubmissionSetAndContents => "urn:uuid:e8e3cb2c-e39c-46b9-99e4-c12f57260b83",
            Self::GetFolderAndContents => "urn:uuid:b909a503-523d-4517-8acf-8e5834dfc4c7",
            Self::GetFoldersForDocument => "urn:uuid:10cae35a-c7f9-4cf5-b61e-fc3278ffb578",
            Self::GetRelatedDocuments => "urn:uuid:d90e5407-b356-4d91-a89f-873917b4b0e6",
        }
    }

    /// Whether the query names no patient and so needs `@home` (ITI TF-2 3.38.4.1.3).
    #[must_use]
    pub fn needs_home(self) -> bool {
        self.patient_parameter().is_none()
    }

    /// The parameter that names the patient.
    pub(super) fn patient_parameter(self) -> Option<&'static str> {
        self.required().iter().find_map(|required| match required {
            Required::Patient(name) => Some(*name),
            _ => None,
        })
    }

    /// Checks that the required parameters are there; gives the patient where the query names one.
    pub(super) fn check(self, slots: &Slots<'_, '_>) -> Result<Option<PatientId>, RegistryError> {
        let mut patient = None;
        for required in self.required() {
            match *required {
                Required::Patient(name) => patient = Some(slots.patient(name)?),
                Required::Statuses(name) => drop(slots.statuses(name)?),
                Required::List(name) => drop(slots.required_list(name)?),
                Required::OneOf(uuid, unique) => drop(either(slots, uuid, unique)?),
                Required::OneValueOf(uuid, unique) => {
                    let (name, _) = either(slots, uuid, unique)?;
                    slots.single(name)?;
                }
            }
        }
        Ok(patient)
    }

    fn required(self) -> &'static [Required] {
        use Required::{List, OneOf, OneValueOf, Patient, Statuses};
        match self {
            Self::FindDocuments => {
                &[Patient("$XDSDocumentEntryPatientId"), Statuses("$XDSDocumentEntryStatus")]
            }
            Self::FindDocumentsByReferenceId => {
                &[Patient("$XDSDocumentEntryPatientId"), Statuses("$XDSDocumentEntryStatus")]
            }
            Self::FindSubmissionSets => {
                &[Patient("$XDSSubmissionSetPatientId"), Statuses("$XDSSubmissionSetStatus")]
            }
            Self::FindFolders => &[Patient("$XDSFolderPatientId"), Statuses("$XDSFolderStatus")],
            Self::GetAll => &[
                Patient("$patientId"),
                Statuses("$XDSDocumentEntryStatus"),
                Statuses("$XDSSubmissionSetStatus"),
                Statuses("$XDSFolderStatus"),
            ],
            Self::GetDocuments | Self::GetDocumentsAndAssociations => {
                &[OneOf("$XDSDocumentEntryEntryUUID", "$XDSDocumentEntryUniqueId")]
            }
            Self::GetFolders => &[OneOf("$XDSFolderEntryUUID", "$XDSFolderUniqueId")],
            Self::GetAssociations | Self::GetSubmissionSets => &[List("$uuid")],
            Self::GetSubmissionSetAndContents => {
                &[OneValueOf("$XDSSubmissionSetEntryUUID", "$XDSSubmissionSetUniqueId")]
            }
            Self::GetFolderAndContents => {
                &[OneValueOf("$XDSFolderEntryUUID", "$XDSFolderUniqueId")]
            }
            Self::GetFoldersForDocument => {
                &[OneValueOf("$XDSDocumentEntryEntryUUID", "$XDSDocumentEntryUniqueId")]
            }
            Self::GetRelatedDocuments => &[
                OneValueOf("$XDSDocumentEntryEntryUUID", "$XDSDocumentEntryUniqueId"),
                List("$AssociationTypes"),
            ],
        }
    }
}

/// What a stored query cannot do without.
#[derive(Debug, Clone, Copy)]
enum Required {
    /// A patient id.
    Patient(&'static str),
    /// At least one status that we know.
    Statuses(&'static str),
    /// At least one value.
    List(&'static str),
    /// Values of just one of the two.
    OneOf(&'static str, &'static str),
    /// One value of just one of the two.
    OneValueOf(&'static str, &'static str),
}

/// Which of two parameters is given, with its values; both are too many, none too few.
pub(super) fn either(
    slots: &Slots<'_, '_>,
    uuid: &'static str,
    unique: &'static str,
) -> Result<(&'static str, Vec<String>), RegistryError> {
    match (slots.list(uuid)?, slots.list(unique)?) {
        (uuids, uniques) if uuids.is_empty() && uniques.is_empty() => {
            Err(missing(&format!("{uuid} or {unique}")))
        }
        (uuids, uniques) if uniques.is_empty() => Ok((uuid, uuids)),
        (uuids, uniques) if uuids.is_empty() => Ok((unique, uniques)),
        _ => {
            let context = format!("give {uuid} or {unique}, not both");
            Err(RegistryError::new(ErrorCode::XDSStoredQueryParamNumber, context))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_query_is_found_by_its_id_in_any_case() {
        for query in StoredQuery::ALL {
            assert_eq!(StoredQuery::from_id(&query.id().to_ascii_uppercase()), Some(query));
        }
        // the multi-patient queries of ITI-51 are not for cross-community use
        assert_eq!(StoredQuery::from_id("urn:uuid:3d1bdb10-39a2-11de-89c2-2f44d94eaa9f"), None);
        assert_eq!(StoredQuery::from_id("14d4debf-8f97-4251-9a74-a90016b0af0d"), None);
    }

    #[test]
    fn queries_without_a_patient_need_a_home() {
        let with_patient = StoredQuery::ALL.iter().filter(|query| !query.needs_home()).count();
        assert_eq!(with_patient, 5);
    }
}
