//! Figures that a program writes into a document, between `<!-- NAME -->` and `<!-- /NAME -->`.

use std::error::Error;
use std::path::Path;

/// Puts between the marks what is made of that which stands there.
pub(crate) fn write(
    path: &Path,
    name: &str,
    make: impl FnOnce(&str) -> String,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let text = std::fs::read_to_string(path)?;
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let parts = text.split_once(&open).and_then(|(before, rest)| {
        let (inside, after) = rest.split_once(&close)?;
        Some((before, inside, after))
    });
    let (before, inside, after) = parts.ok_or_else(|| format!("{open} is missing"))?;
    Ok(std::fs::write(path, format!("{before}{open}{}{close}{after}", make(inside)))?)
}
