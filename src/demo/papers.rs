//! The bytes of documents: C-CDA, PDF, plain text and FHIR documents, made from a sheet and a patient.

use std::io::{self, Write};

use serde_json::json;

use super::people::Patient;
use super::sheets::{Form, Label, Section, Sheet};
use super::world::{AUTHORITY, HOME, LARGE_BYTES};
use crate::xml::escape_text;

/// One document of one patient.
pub(super) struct Paper<'a> {
    pub(super) sheet: &'a Sheet,
    pub(super) patient: &'a Patient,
    /// The uniqueId.
    pub(super) id: String,
    /// When it was made, in UTC: `2024-03-05T08:15:00Z`.
    pub(super) created: String,
}

impl Paper<'_> {
    /// Writes the document; the same paper gives the same bytes, always.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.sheet.form {
            Form::Ccda => out.write_all(self.ccda().as_bytes()),
            Form::Text => out.write_all(self.text().as_bytes()),
            Form::FhirDocument => out.write_all(self.fhir_document().as_bytes()),
            Form::Pdf => self.pdf(out, 0),
            Form::LargePdf => self.pdf(out, LARGE_BYTES),
        }
    }

    fn name(&self) -> String {
        format!("{} {}", self.patient.given, self.patient.family)
    }

    /// `2024-03-05T08:15:00Z` as HL7 writes it, `20240305081500+0000`.
    fn hl7_time(&self) -> String {
        let digits: String = self.created.chars().filter(char::is_ascii_digit).collect();
        format!("{digits}+0000")
    }

    fn text(&self) -> String {
        let mut lines = vec![
            self.sheet.title.to_uppercase(),
            format!("Lakeside Hospital, {}", self.created),
            format!(
                "Patient P-{}, {}, born {}",
                self.patient.number,
                self.name(),
                self.patient.birth_date
            ),
            String::new(),
        ];
        for Section(heading, _, prose) in self.sheet.sections {
            lines.extend([(*heading).to_owned(), format!("  {prose}"), String::new()]);
        }
        lines.push(format!("Signed: Dr. Elin Vogel. Document {}.", self.id));
        lines.join("\n") + "\n"
    }

    /// A C-CDA 2.1 document: header and narrative sections.
    fn ccda(&self) -> String {
        let sheet = self.sheet;
        let mut sections = String::new();
        for Section(heading, loinc, prose) in sheet.sections {
            let (heading, prose) = (escaped(heading), escaped(prose));
            sections.push_str(&format!(
                r#"      <component>
        <section>
          <code code="{loinc}" codeSystem="2.16.840.1.113883.6.1" codeSystemName="LOINC"/>
          <title>{heading}</title>
          <text><paragraph>{prose}</paragraph></text>
        </section>
      </component>
"#
            ));
        }
        let confidentiality = match sheet.label {
            Label::Normal => "N",
            Label::Restricted(_) => "R",
        };
        let home = HOME.trim_start_matches("urn:oid:");
        let gender = if self.patient.gender == "male" { "M" } else { "F" };
        let born: String = self.patient.birth_date.chars().filter(char::is_ascii_digit).collect();
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <realmCode code="US"/>
  <typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
  <templateId root="2.16.840.1.113883.10.20.22.1.1" extension="2015-08-01"/>
  <id root="{id}"/>
  <code code="{code}" codeSystem="2.16.840.1.113883.6.1" displayName="{display}"/>
  <title>{title}</title>
  <effectiveTime value="{time}"/>
  <confidentialityCode code="{confidentiality}" codeSystem="2.16.840.1.113883.5.25"/>
  <languageCode code="en-US"/>
  <recordTarget>
    <patientRole>
      <id root="{AUTHORITY}" extension="P-{number}"/>
      <patient>
        <name><given>{given}</given><family>{family}</family></name>
        <administrativeGenderCode code="{gender}" codeSystem="2.16.840.1.113883.5.1"/>
        <birthTime value="{born}"/>
      </patient>
    </patientRole>
  </recordTarget>
  <author>
    <time value="{time}"/>
    <assignedAuthor>
      <id root="2.999.1.6" extension="D-17"/>
      <assignedPerson><name><given>Elin</given><family>Vogel</family></name></assignedPerson>
      <representedOrganization><id root="{home}"/><name>Lakeside Hospital</name></representedOrganization>
    </assignedAuthor>
  </author>
  <custodian>
    <assignedCustodian>
      <representedCustodianOrganization><id root="{home}"/><name>Lakeside Hospital</name></representedCustodianOrganization>
    </assignedCustodian>
  </custodian>
  <component>
    <structuredBody>
{sections}    </structuredBody>
  </component>
</ClinicalDocument>
"#,
            id = self.id,
            code = sheet.kind.0,
            display = escaped(sheet.kind.1),
            title = escaped(sheet.title),
            time = self.hl7_time(),
            number = self.patient.number,
            given = self.patient.given,
            family = self.patient.family,
        )
    }

    /// A Bundle of type document: Composition and Patient.
    fn fhir_document(&self) -> String {
        let sections: Vec<_> = self
            .sheet
            .sections
            .iter()
            .map(|Section(heading, loinc, prose)| {
                json!({
                    "title": heading,
                    "code": {"coding": [{"system": "http://loinc.org", "code": loinc}]},
                    "text": {
                        "status": "generated",
                        "div": format!(
                            "<div xmlns=\"http://www.w3.org/1999/xhtml\">{}</div>",
                            escaped(prose)
                        ),
                    },
                })
            })
            .collect();
        let subject = format!("https://fhir.lakeside.example/Patient/p{}", self.patient.number);
        let composition = json!({
            "resourceType": "Composition",
            "status": "final",
            "type": {"coding": [{
                "system": "http://loinc.org",
                "code": self.sheet.kind.0,
                "display": self.sheet.kind.1,
            }]},
            "subject": {"reference": subject},
            "date": self.created,
            "author": [{"display": "Dr. Elin Vogel, Lakeside Hospital"}],
            "title": self.sheet.title,
            "confidentiality": "N",
            "section": sections,
        });
        let document = json!({
            "resourceType": "Bundle",
            "identifier": {"system": "urn:ietf:rfc:3986", "value": format!("urn:oid:{}", self.id)},
            "type": "document",
            "timestamp": self.created,
            "entry": [
                {
                    "fullUrl": format!("https://fhir.lakeside.example/Composition/{}", self.id),
                    "resource": composition,
                },
                {"fullUrl": subject, "resource": self.patient.resource()},
            ],
        });
        format!("{document:#}\n")
    }

    /// A PDF 1.4 of one page; `total` over its natural size is filled with a stream of image-like bytes.
    fn pdf(&self, out: &mut dyn Write, total: u64) -> io::Result<()> {
        let text = self.text();
        let mut page = String::from("BT /F1 11 Tf 14 TL 56 780 Td\n");
        for line in text.lines() {
            let shown = line.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)");
            page.push_str(&format!("({shown}) Tj T*\n"));
        }
        page.push_str("ET");
        let objects = [
            "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
            "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
             /Resources << /Font << /F1 5 0 R >> >> >>"
                .to_owned(),
            format!("<< /Length {} >>\nstream\n{page}\nendstream", page.len()),
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
        ];
        let mut head = String::from("%PDF-1.4\n");
        let mut offsets = Vec::new();
        for (at, object) in (1..).zip(&objects) {
            offsets.push(head.len() as u64);
            head.push_str(&format!("{at} 0 obj\n{object}\nendobj\n"));
        }
        let mut end = head.len() as u64;
        out.write_all(head.as_bytes())?;
        if total > 0 {
            offsets.push(end);
            end = write_ballast(out, end, offsets.len(), total)?;
        }
        out.write_all(tail(&offsets, end).as_bytes())
    }
}

/// Writes an object that makes the whole file `total` bytes long; gives the offset after it.
fn write_ballast(out: &mut dyn Write, start: u64, number: usize, total: u64) -> io::Result<u64> {
    // ten digits, so that the head's length does not depend on the number in it
    let head = |length: u64| format!("{number} 0 obj\n<< /Length {length:010} >>\nstream\n");
    let foot = "\nendstream\nendobj\n";
    // offsets in the table have a fixed width too, only the last line's depends on the total
    let table = tail(&vec![0; number], total).len() as u64;
    let fixed = start + head(0).len() as u64 + foot.len() as u64;
    let length = total.saturating_sub(fixed).saturating_sub(table);
    out.write_all(head(length).as_bytes())?;
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut block = Vec::with_capacity(64 * 1024);
    let mut left = length;
    while left > 0 {
        block.clear();
        for _ in 0..8 * 1024 {
            // xorshift64: does not compress, costs nothing
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            block.extend_from_slice(&state.to_le_bytes());
        }
        block.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        out.write_all(&block)?;
        left = left.saturating_sub(block.len() as u64);
    }
    out.write_all(foot.as_bytes())?;
    Ok(fixed + length)
}

/// Cross-reference table and trailer; the table starts at `start`.
fn tail(offsets: &[u64], start: u64) -> String {
    let size = offsets.len() + 1;
    let mut tail = format!("xref\n0 {size}\n0000000000 65535 f \n");
    for offset in offsets {
        tail.push_str(&format!("{offset:010} 00000 n \n"));
    }
    tail.push_str(&format!("trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"));
    tail
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    escape_text(&mut out, text);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::people::PATIENTS;
    use crate::demo::sheets;
    use crate::xml::{Bounds, child, ns, parse, text};

    fn made(sheet: &'static Sheet) -> Vec<u8> {
        let paper = Paper {
            sheet,
            patient: &PATIENTS[0],
            id: "2.999.1.4.1001.1".to_owned(),
            created: "2024-03-05T08:15:00Z".to_owned(),
        };
        let mut bytes = Vec::new();
        paper.write(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_ccda_document_is_well_formed_and_names_its_patient() {
        let xml = String::from_utf8(made(&sheets::SUMMARY)).unwrap();
        let document = parse(&xml, Bounds::REQUEST).unwrap();
        let title = child(document.root(), ns::HL7, "title").unwrap();
        assert_eq!(text(title), sheets::SUMMARY.title);
        assert!(xml.contains(r#"<effectiveTime value="20240305081500+0000"/>"#));
    }

    #[test]
    fn every_offset_of_a_pdf_points_at_its_object() {
        for sheet in [&sheets::LABORATORY, &sheets::IMAGING] {
            let bytes = made(sheet);
            let end = String::from_utf8_lossy(&bytes[bytes.len() - 600..]).into_owned();
            let start: usize =
                end.split("startxref\n").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
            assert!(bytes[start..].starts_with(b"xref\n"));
            let table = String::from_utf8(bytes[start..].to_vec()).unwrap();
            let entries = table.lines().filter(|line| line.ends_with(" n "));
            for (number, entry) in (1..).zip(entries) {
                let offset: usize = entry[..10].parse().unwrap();
                let expected = format!("{number} 0 obj\n");
                assert!(bytes[offset..].starts_with(expected.as_bytes()), "{expected}");
            }
        }
        assert_eq!(made(&sheets::IMAGING).len() as u64, LARGE_BYTES);
    }

    #[test]
    fn a_fhir_document_begins_with_its_composition() {
        let bundle: serde_json::Value =
            serde_json::from_slice(&made(&sheets::PATIENT_SUMMARY)).unwrap();
        assert_eq!(bundle["type"], "document");
        assert_eq!(bundle["entry"][0]["resource"]["resourceType"], "Composition");
    }
}
