use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;

use super::error::Error;
use crate::limits;
use crate::xml::{self, Bounds, Node, ns};

/// Includes of one security header: nobody is trusted yet, and .NET moves a certificate and two values or three out of it.
const INCLUDES: usize = 64;

/// The envelope with each part that an `xop:Include` of its security header names put back as base64 (XOP 1.0, 3.2).
///
/// .NET moves certificates and signature values out of it, and signatures are over the text that stood there. `None`
/// where there is nothing to put back, or no XML to read.
pub(super) fn restored<'p>(
    text: &str,
    part: impl Fn(&str) -> Option<&'p [u8]>,
) -> Result<Option<String>, Error> {
    // hardly any header has one; then nothing is parsed here
    if memmem::find(text.as_bytes(), ns::XOP.as_bytes()).is_none() {
        return Ok(None);
    }
    let Ok(document) = xml::parse(text, Bounds::REQUEST) else { return Ok(None) };
    let mut pieces: Vec<(Range<usize>, &[u8])> = Vec::new();
    let mut bytes = 0_usize;
    let mut includes = includes(document.root());
    for include in includes.by_ref().take(INCLUDES).filter(is_alone) {
        let content = xml::attribute(include, "href").and_then(&part).ok_or(Error::Include)?;
        bytes = bytes.saturating_add(content.len());
        if bytes > limits::XOP_HEADER_BYTES {
            return Err(Error::Include);
        }
        pieces.push((include.range(), content));
    }
    if includes.next().is_some() {
        return Err(Error::Include);
    }
    if pieces.is_empty() {
        return Ok(None);
    }
    let source = document.input();
    let mut out = String::with_capacity(source.len().saturating_add(bytes.saturating_mul(2)));
    let mut copied = 0;
    for (range, content) in pieces {
        out.push_str(source.get(copied..range.start).unwrap_or(""));
        STANDARD.encode_string(content, &mut out);
        copied = range.end;
    }
    out.push_str(source.get(copied..).unwrap_or(""));
    Ok(Some(out))
}

/// Each Include in the security header, in document order.
fn includes<'d, 'i: 'd>(root: Node<'d, 'i>) -> impl Iterator<Item = Node<'d, 'i>> {
    let headers = xml::children(root, ns::SOAP, "Header");
    let securities = headers.flat_map(|header| xml::children(header, ns::WSSE, "Security"));
    let included = |node: &Node<'d, 'i>| node.has_tag_name((ns::XOP, "Include"));
    securities.flat_map(|security| security.descendants()).filter(included)
}

/// Whether it is all that its parent holds; asked of few, as it may walk along all that stands beside it.
fn is_alone(include: &Node<'_, '_>) -> bool {
    let only = include.prev_sibling_element().is_none() && include.next_sibling_element().is_none();
    only && include.parent_element().is_some_and(|parent| xml::text(parent).is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(security: &str) -> String {
        format!(
            "<s:Envelope xmlns:s='{}' xmlns:o='{}' xmlns:i='{}'><s:Header><o:Security>{security}</o:Security>\
             </s:Header><s:Body><d><i:Include href='cid:body'/></d></s:Body></s:Envelope>",
            ns::SOAP,
            ns::WSSE,
            ns::XOP
        )
    }

    fn restore(text: &str) -> Result<Option<String>, Error> {
        let large = vec![0; limits::XOP_HEADER_BYTES];
        let parts = [("cid:a", &b"\x00\xff<&"[..]), ("cid:large", large.as_slice())];
        restored(text, |href| {
            parts.iter().find(|(name, _)| *name == href).map(|(_, content)| *content)
        })
    }

    #[test]
    fn parts_of_the_security_header_return_to_their_place() {
        let (a, encoded) = ("<i:Include href='cid:a'/>", "AP88Jg==");
        for (moved, back) in [
            (format!("<v>{a}</v>"), format!("<v>{encoded}</v>")),
            (format!("<v> {a}\n</v>"), format!("<v> {encoded}\n</v>")),
            (
                format!("<b><c>{a}</c><d>{a}</d></b><v><i:Include href='cid:a'></i:Include></v>"),
                format!("<b><c>{encoded}</c><d>{encoded}</d></b><v>{encoded}</v>"),
            ),
        ] {
            assert_eq!(restore(&header(&moved)).unwrap(), Some(header(&back)), "{moved}");
        }
        // the Body is not this room's, and an Include beside something else stands for nothing
        for left in ["", "<v/>", &format!("<v>x{a}</v>"), &format!("<v>{a}{a}</v>")] {
            assert_eq!(restore(&header(left)).unwrap(), None, "{left}");
        }
        assert_eq!(restore("<not xml").unwrap(), None);
    }

    #[test]
    fn more_includes_than_anyone_needs_are_refused_wherever_they_stand() {
        let a = "<i:Include href='cid:a'/>";
        let moved = format!("<v>{a}</v>");
        assert!(restore(&header(&moved.repeat(INCLUDES))).unwrap().is_some());
        assert_eq!(restore(&header(&format!("<v>{}</v>", a.repeat(INCLUDES)))).unwrap(), None);
        let beside = format!("<v>{}</v>", a.repeat(INCLUDES + 1));
        for bad in [moved.repeat(INCLUDES + 1), beside] {
            assert_eq!(restore(&header(&bad)).unwrap_err(), Error::Include);
        }
    }

    #[test]
    fn a_part_that_is_not_there_or_too_large_is_refused() {
        let all = "<v><i:Include href='cid:large'/></v>";
        assert!(restore(&header(all)).is_ok());
        for bad in ["<v><i:Include href='cid:b'/></v>", "<v><i:Include/></v>", &all.repeat(2)] {
            assert_eq!(restore(&header(bad)).unwrap_err(), Error::Include, "{bad}");
        }
    }
}
