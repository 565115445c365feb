//! What the documents are about, whatever their form: titles, codes and a few sections of plain prose.

/// One kind of document as it is kept for a patient.
pub(super) struct Sheet {
    pub(super) title: &'static str,
    pub(super) form: Form,
    /// typeCode, LOINC.
    pub(super) kind: Code,
    /// classCode, LOINC.
    pub(super) class: Code,
    /// practiceSettingCode, SNOMED CT.
    pub(super) setting: Code,
    pub(super) label: Label,
    pub(super) sections: &'static [Section],
}

/// A code and its display name.
#[derive(Clone, Copy)]
pub(super) struct Code(pub(super) &'static str, pub(super) &'static str);

/// Heading, LOINC code of the section, prose.
pub(super) struct Section(
    pub(super) &'static str,
    pub(super) &'static str,
    pub(super) &'static str,
);

/// What the bytes are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Ccda,
    Pdf,
    /// A PDF of [`super::world::LARGE_BYTES`].
    LargePdf,
    Text,
    FhirDocument,
}

impl Form {
    pub(super) fn mime_type(self) -> &'static str {
        match self {
            Self::Ccda => "text/xml",
            Self::Pdf | Self::LargePdf => "application/pdf",
            Self::Text => "text/plain",
            Self::FhirDocument => "application/fhir+json",
        }
    }

    /// File name extension; never `json`, so that no loader takes content for a resource.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Ccda => "xml",
            Self::Pdf | Self::LargePdf => "pdf",
            Self::Text => "txt",
            Self::FhirDocument => "fhir",
        }
    }
}

/// How sensitive a document is.
#[derive(Clone, Copy)]
pub(super) enum Label {
    Normal,
    /// Restricted, with the sensitivity that is the reason (v3-ActCode).
    Restricted(Code),
}

const GENERAL_MEDICINE: Code = Code("394802001", "General medicine");

pub(super) const SUMMARY: Sheet = Sheet {
    title: "Continuity of care summary",
    form: Form::Ccda,
    kind: Code("34133-9", "Summary of episode note"),
    class: Code("34133-9", "Summary of episode note"),
    setting: GENERAL_MEDICINE,
    label: Label::Normal,
    sections: &[
        Section("Allergies", "48765-2", "Penicillin: urticaria in 2011. No other known allergies."),
        Section(
            "Medications",
            "10160-0",
            "Lisinopril 10 mg once daily. Metformin 500 mg twice daily.",
        ),
        Section(
            "Problems",
            "11450-4",
            "Essential hypertension since 2015. Type 2 diabetes mellitus since 2019.",
        ),
        Section("Results", "30954-2", "HbA1c 6.8 %. Creatinine 0.9 mg/dL. LDL 102 mg/dL."),
    ],
};

pub(super) const DISCHARGE: Sheet = Sheet {
    title: "Discharge summary",
    form: Form::Ccda,
    kind: Code("18842-5", "Discharge summary"),
    class: Code("18842-5", "Discharge summary"),
    setting: GENERAL_MEDICINE,
    label: Label::Normal,
    sections: &[
        Section(
            "Hospital course",
            "8648-8",
            "Admitted with community-acquired pneumonia. Afebrile after 48 hours of ceftriaxone.",
        ),
        Section("Medications", "10160-0", "Amoxicillin 1 g three times daily for four more days."),
        Section("Plan of treatment", "18776-5", "Chest film in six weeks; return if fever recurs."),
    ],
};

pub(super) const LABORATORY: Sheet = Sheet {
    title: "Laboratory report",
    form: Form::Pdf,
    kind: Code("11502-2", "Laboratory report"),
    class: Code("26436-6", "Laboratory studies (set)"),
    setting: GENERAL_MEDICINE,
    label: Label::Normal,
    sections: &[
        Section(
            "Blood count",
            "58410-2",
            "Haemoglobin 13.8 g/dL, leucocytes 6.1 G/L, platelets 240 G/L.",
        ),
        Section(
            "Chemistry",
            "24323-8",
            "Sodium 140 mmol/L, potassium 4.2 mmol/L, glucose 5.6 mmol/L.",
        ),
    ],
};

pub(super) const PROGRESS: Sheet = Sheet {
    title: "Progress note",
    form: Form::Text,
    kind: Code("11506-3", "Progress note"),
    class: Code("11506-3", "Progress note"),
    setting: GENERAL_MEDICINE,
    label: Label::Normal,
    sections: &[
        Section(
            "Subjective",
            "61150-9",
            "Feels well. Walks 30 minutes a day. No chest pain, no dyspnoea.",
        ),
        Section(
            "Assessment and plan",
            "51847-2",
            "Blood pressure 128/78. Continue. Review in three months.",
        ),
    ],
};

pub(super) const PATIENT_SUMMARY: Sheet = Sheet {
    title: "Patient summary",
    form: Form::FhirDocument,
    kind: Code("60591-5", "Patient summary Document"),
    class: Code("34133-9", "Summary of episode note"),
    setting: GENERAL_MEDICINE,
    label: Label::Normal,
    sections: &[
        Section("Allergies and intolerances", "48765-2", "Penicillin."),
        Section("Medication summary", "10160-0", "Lisinopril 10 mg once daily."),
        Section("Problem list", "11450-4", "Essential hypertension."),
    ],
};

pub(super) const IMAGING: Sheet = Sheet {
    title: "CT of the chest, report with images",
    form: Form::LargePdf,
    kind: Code("18748-4", "Diagnostic imaging study"),
    class: Code("18726-0", "Radiology studies (set)"),
    setting: Code("394914008", "Radiology"),
    label: Label::Normal,
    sections: &[
        Section(
            "Findings",
            "59776-5",
            "Lungs clear. No nodules, no effusion. Heart of normal size.",
        ),
        Section("Impression", "19005-8", "No evidence of disease. All images follow in this file."),
    ],
};

pub(super) const REFERRAL: Sheet = Sheet {
    title: "Referral to cardiology",
    form: Form::Text,
    kind: Code("57133-1", "Referral note"),
    class: Code("57133-1", "Referral note"),
    setting: Code("394579002", "Cardiology"),
    label: Label::Normal,
    sections: &[
        Section("Reason for referral", "42349-1", "Intermittent palpitations for two months."),
        Section("Question", "46209-3", "Is a 7-day recording advised?"),
    ],
};

pub(super) const PSYCHIATRY: Sheet = Sheet {
    title: "Psychiatric consultation",
    form: Form::Text,
    kind: Code("34788-0", "Psychiatry Consult note"),
    class: Code("11488-4", "Consult note"),
    setting: Code("394587001", "Psychiatry"),
    label: Label::Restricted(Code("PSY", "psychiatry disorder information sensitivity")),
    sections: &[
        Section(
            "History",
            "10164-2",
            "Low mood and early waking since spring. No suicidal intent. Lives with his partner.",
        ),
        Section("Assessment", "51848-0", "Moderate depressive episode. Sertraline 50 mg started."),
    ],
};

pub(super) const HIV: Sheet = Sheet {
    title: "HIV test result",
    form: Form::Pdf,
    kind: Code("11502-2", "Laboratory report"),
    class: Code("26436-6", "Laboratory studies (set)"),
    setting: Code("394807007", "Infectious diseases"),
    label: Label::Restricted(Code("HIV", "HIV/AIDS information sensitivity")),
    sections: &[
        Section(
            "HIV 1 and 2 antigen and antibody",
            "56888-1",
            "Reactive, confirmed by a second sample.",
        ),
        Section("HIV 1 RNA", "20447-9", "4,100 copies/mL before treatment."),
    ],
};
