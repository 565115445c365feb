use super::query::ReturnType;
use super::retrieve::DocumentRequest;
use super::stored::StoredQuery;
use crate::xml;

/// Writes an `AdhocQueryRequest`; each slot is a parameter's name with Values from [`write_string`] or [`write_list`].
///
/// A parameter of which several slots must hold stands several times.
///
/// [`write_string`]: super::write_string
/// [`write_list`]: super::write_list
#[must_use]
pub fn query_request(
    stored: StoredQuery,
    home: Option<&str>,
    return_type: ReturnType,
    slots: &[(impl AsRef<str>, Vec<String>)],
) -> String {
    let mut out = String::from(concat!(
        "<query:AdhocQueryRequest xmlns:query=\"urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0\"",
        " xmlns:rim=\"urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0\"><query:ResponseOption returnType=\""
    ));
    out.push_str(match return_type {
        ReturnType::LeafClass => "LeafClass",
        ReturnType::ObjectRef => "ObjectRef",
    });
    out.push_str("\" returnComposedObjects=\"true\"/><rim:AdhocQuery id=\"");
    out.push_str(stored.id());
    if let Some(home) = home {
        out.push_str("\" home=\"");
        xml::escape_attribute(&mut out, home);
    }
    out.push_str("\">");
    for (name, values) in slots {
        out.push_str("<rim:Slot name=\"");
        xml::escape_attribute(&mut out, name.as_ref());
        out.push_str("\"><rim:ValueList>");
        for value in values {
            out.push_str("<rim:Value>");
            xml::escape_text(&mut out, value);
            out.push_str("</rim:Value>");
        }
        out.push_str("</rim:ValueList></rim:Slot>");
    }
    out.push_str("</rim:AdhocQuery></query:AdhocQueryRequest>");
    out
}

/// Writes a `RetrieveDocumentSetRequest`.
#[must_use]
pub fn retrieve_request(documents: &[DocumentRequest]) -> String {
    let mut out =
        String::from("<xds:RetrieveDocumentSetRequest xmlns:xds=\"urn:ihe:iti:xds-b:2007\">");
    for document in documents {
        out.push_str("<xds:DocumentRequest>");
        for (name, value) in [
            ("HomeCommunityId", document.home.as_deref()),
            ("RepositoryUniqueId", Some(document.repository.as_str())),
            ("DocumentUniqueId", Some(document.document.as_str())),
        ] {
            let Some(value) = value else { continue };
            for piece in ["<xds:", name, ">"] {
                out.push_str(piece);
            }
            xml::escape_text(&mut out, value);
            for piece in ["</xds:", name, ">"] {
                out.push_str(piece);
            }
        }
        out.push_str("</xds:DocumentRequest>");
    }
    out.push_str("</xds:RetrieveDocumentSetRequest>");
    out
}
