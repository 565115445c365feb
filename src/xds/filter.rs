use super::error::RegistryError;
use super::searched::Searched;
use super::slot::Slots;
use crate::ids::Coded;

/// A coded attribute of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attribute {
    /// classCode
    Class,
    /// typeCode
    Type,
    /// practiceSettingCode
    PracticeSetting,
    /// healthcareFacilityTypeCode
    Facility,
    /// formatCode
    Format,
    /// eventCodeList
    Event,
    /// confidentialityCode
    Confidentiality,
}

/// The parameters on coded attributes; `true` marks those whose slots may repeat (ITI TF-2 3.18.4.1.2.3.7.1).
pub(super) const CODE_PARAMETERS: [(&str, Attribute, bool); 7] = [
    ("$XDSDocumentEntryClassCode", Attribute::Class, false),
    ("$XDSDocumentEntryTypeCode", Attribute::Type, false),
    ("$XDSDocumentEntryPracticeSettingCode", Attribute::PracticeSetting, false),
    ("$XDSDocumentEntryHealthcareFacilityTypeCode", Attribute::Facility, false),
    ("$XDSDocumentEntryFormatCode", Attribute::Format, false),
    ("$XDSDocumentEntryEventCodeList", Attribute::Event, true),
    ("$XDSDocumentEntryConfidentialityCode", Attribute::Confidentiality, true),
];

/// One slot of codes: the entry must have one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CodeFilter {
    attribute: Attribute,
    any_of: Vec<Coded>,
}

impl CodeFilter {
    /// Reads the code parameters of a query.
    pub(super) fn read(
        slots: &Slots<'_, '_>,
        parameters: &[(&'static str, Attribute, bool)],
    ) -> Result<Vec<Self>, RegistryError> {
        let mut filters = Vec::new();
        for &(name, attribute, may_repeat) in parameters {
            if !may_repeat {
                slots.list(name)?;
            }
            let groups = slots.codes(name)?.into_iter();
            filters.extend(groups.map(|any_of| Self { attribute, any_of }));
        }
        Ok(filters)
    }

    /// Whether the entry has one of the codes.
    pub(super) fn holds(&self, entry: &Searched<'_>) -> bool {
        let codes = match self.attribute {
            Attribute::Class => entry.class_code.as_slice(),
            Attribute::Type => entry.type_code.as_slice(),
            Attribute::PracticeSetting => entry.practice_setting_code.as_slice(),
            Attribute::Facility => entry.facility_type_code.as_slice(),
            Attribute::Format => entry.format_code.as_slice(),
            Attribute::Event => &entry.event_codes,
            Attribute::Confidentiality => &entry.confidentiality_codes,
        };
        codes.iter().any(|code| self.any_of.iter().any(|asked| code.is(asked)))
    }
}

/// A span of time, `from <= t < to`, compared as DTM strings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Span {
    /// The first moment, inclusive.
    pub(super) from: Option<String>,
    /// The last moment, exclusive.
    pub(super) to: Option<String>,
}

impl Span {
    /// Reads the two ends.
    pub(super) fn read(
        slots: &Slots<'_, '_>,
        from: &'static str,
        to: &'static str,
    ) -> Result<Self, RegistryError> {
        Ok(Self { from: slots.time(from)?, to: slots.time(to)? })
    }

    /// Whether a moment lies in the span.
    pub(super) fn contains(&self, time: &str) -> bool {
        self.from.as_deref().is_none_or(|from| from <= time)
            && self.to.as_deref().is_none_or(|to| time < to)
    }

    /// Whether the span lets everything pass.
    pub(super) fn is_open(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }
}

/// Whether a text matches an SQL LIKE pattern: `%` is any text, `_` any one character.
///
/// Remembers the last `%` alone, so that no pattern costs more than its length times the text's.
pub(super) fn like(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    let mut last_percent: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let text_here = text.clone();
        match (pattern.next(), text.next()) {
            (None, None) => return true,
            (Some('%'), _) => {
                text = text_here;
                last_percent = Some((pattern.clone(), text.clone()));
            }
            (Some('_'), Some(_)) => {}
            (Some(a), Some(b)) if a == b => {}
            // a mismatch: the last `%` takes one character more
            _ => {
                let Some((after, mut start)) = last_percent.take() else { return false };
                if start.next().is_none() {
                    return false;
                }
                (pattern, text) = (after.clone(), start.clone());
                last_percent = Some((after, start));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition of LIKE, as slow as it is plain.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (None, Some(_)) => false,
            (Some(('%', rest)), _) => (0..=text.len()).any(|n| naive(rest, &text[n..])),
            (Some(('_', rest)), Some((_, more))) => naive(rest, more),
            (Some((a, rest)), Some((b, more))) => a == b && naive(rest, more),
            (Some(_), None) => false,
        }
    }

    proptest! {
        #[test]
        fn like_is_what_its_definition_says(pattern in "[ab%_é]{0,8}", text in "[abé]{0,10}") {
            let chars = |s: &str| s.chars().collect::<Vec<_>>();
            prop_assert_eq!(like(&pattern, &text), naive(&chars(&pattern), &chars(&text)));
        }
    }

    #[test]
    fn a_hostile_pattern_is_cheap() {
        let pattern = format!("{}b", "%a".repeat(127));
        assert!(!like(&pattern, &"a".repeat(100_000)));
    }

    #[test]
    fn spans_are_half_open() {
        let span = Span { from: Some("20041224".to_owned()), to: Some("20041225".to_owned()) };
        assert!(span.contains("20041224") && span.contains("200412241200"));
        assert!(!span.contains("20041225") && !span.contains("20041223"));
        assert!(Span::default().contains("2004") && Span::default().is_open());
    }
}
