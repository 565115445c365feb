use super::error::{RegistryError, Status, write_errors};
use crate::ids::HomeCommunityId;

const OPEN: &str = concat!(
    "<query:AdhocQueryResponse xmlns:query=\"urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0\"",
    " xmlns:rim=\"urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0\"",
    " xmlns:rs=\"urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0\" status=\""
);

/// Appends the answer to a query: errors, then the objects as [`Entry::extrinsic_object`] or
/// [`object_ref`] rendered them (ITI TF-2 3.18.4.1.2.7; query.xsd).
///
/// The status follows from the errors; an error without a location gets `home`.
///
/// [`Entry::extrinsic_object`]: super::Entry::extrinsic_object
/// [`object_ref`]: super::object_ref
pub fn query_response<'o>(
    out: &mut String,
    home: &HomeCommunityId,
    errors: &[RegistryError],
    objects: impl IntoIterator<Item = &'o str>,
) {
    let mut objects = objects.into_iter().peekable();
    let status = Status::derive(errors, objects.peek().is_some());
    out.push_str(OPEN);
    out.push_str(status.urn());
    out.push_str("\">");
    write_errors(out, errors, home);
    if objects.peek().is_none() {
        out.push_str("<rim:RegistryObjectList/>");
    } else {
        out.push_str("<rim:RegistryObjectList>");
        objects.for_each(|object| out.push_str(object));
        out.push_str("</rim:RegistryObjectList>");
    }
    out.push_str("</query:AdhocQueryResponse>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xds::{ErrorCode, object_ref, read_query_response};

    #[test]
    fn errors_stand_before_the_list_and_the_list_always_stands() {
        let home = HomeCommunityId::parse("2.999.1").unwrap();
        let error = RegistryError::new(ErrorCode::XDSUnknownCommunity, "home is not ours");
        let mut answer = String::new();
        query_response(&mut answer, &home, &[error], []);
        assert!(answer.ends_with(
            "</rs:RegistryErrorList><rim:RegistryObjectList/></query:AdhocQueryResponse>"
        ));
        assert_eq!(read_query_response(&answer).unwrap().status, Status::Failure);
    }

    #[test]
    fn a_warning_goes_with_success() {
        let home = HomeCommunityId::parse("2.999.1").unwrap();
        let warning = RegistryError::override_not_honoured(&home);
        let object = object_ref("urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0", &home);
        let mut answer = String::new();
        query_response(&mut answer, &home, &[warning], [object.as_str()]);
        let read = read_query_response(&answer).unwrap();
        assert_eq!((read.status, read.errors.len()), (Status::Success, 1));
        let reference = read.object_refs.first().unwrap();
        assert_eq!(reference.1.as_deref(), Some("urn:oid:2.999.1"));
    }
}
