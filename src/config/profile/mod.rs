//! Ready-made partner settings of national networks, one file each; what a partner writes itself goes before.

use super::partner::Raw;

/// A network by its name in `profile`, and the settings of its partners.
const PROFILES: [(&str, &str); 4] = [
    ("us", include_str!("us.toml")),
    ("norway", include_str!("norway.toml")),
    ("switzerland", include_str!("switzerland.toml")),
    ("ehdsi", include_str!("ehdsi.toml")),
];

/// The settings of that network's partners; none where it is not known.
pub(super) fn settings(name: &str) -> Option<Raw> {
    let (_, toml) = PROFILES.iter().find(|(known, _)| *known == name)?;
    toml::from_str(toml).ok()
}

/// The names of all networks, as one writes them in `profile`.
pub fn names() -> impl Iterator<Item = &'static str> {
    PROFILES.iter().map(|(name, _)| *name)
}

/// Whether that network's messages have a second assertion, that of a treatment relationship.
#[must_use]
pub fn requires_relationship(name: &str) -> bool {
    settings(name).is_some_and(|settings| settings.requires_relationship())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_is_read() {
        for name in names() {
            assert!(settings(name).is_some(), "{name}: {:?}", {
                let (_, toml) = PROFILES.iter().find(|(known, _)| *known == name).unwrap();
                toml::from_str::<Raw>(toml).err()
            });
        }
        assert!(settings("atlantis").is_none());
    }
}
