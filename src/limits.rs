//! Ceilings, each with its origin; configuration may lower them, never raise them.

use std::time::Duration;

/// Bytes of a request body: an ITI-38 request with SAML is 8 to 15 KB, the rest is room for fifty inline certificates.
pub const REQUEST_BYTES: usize = 2 * 1024 * 1024;
/// Bytes of a larger body that are thrown away before the refusal: who writes all before reading would see a reset.
pub const DISCARDED_BYTES: usize = 64 * 1024 * 1024;
/// Element depth of a request: the deepest seen is 14; a recursive canonicaliser overflowed at 60,000.
pub const XML_DEPTH: usize = 64;
/// DOM nodes of a request: two million bytes of empty elements would give 500,000.
pub const XML_NODES: u32 = 100_000;
/// Attributes and namespace declarations of one element: 5,000 `xmlns` cost 700 times a normal parse.
pub const XML_ATTRIBUTES: usize = 256;
/// Namespace declarations of a document: the samples have 92; 36 KB of them cost the parser 1.5 s.
pub const XML_NAMESPACES: usize = 512;
/// MIME parts of a request: CXF's default for attachments.
pub const MIME_PARTS: usize = 50;
/// Bytes of the headers of one MIME part: ten times CXF's 300.
pub const MIME_HEADER_BYTES: usize = 4 * 1024;
/// Bytes of the parts that a security header may have moved out: a hundred certificates; each Include costs their text.
pub const XOP_HEADER_BYTES: usize = 256 * 1024;
/// Bytes of the HTTP head: hyper's read buffer holds it whole.
pub const HTTP_HEAD_BYTES: usize = 32 * 1024;
/// Documents asked for in one retrieve: the widest sender allows 9, a registry page is 100.
pub const RETRIEVE_DOCUMENTS: usize = 100;
/// Entries of one answer: "thousands of objects" go by ObjectRef (ITI TF-2 3.18.4.1.2.6).
pub const QUERY_ENTRIES: usize = 10_000;
/// Bytes of a document that is read for its codes: C-CDA has 0.1 to 5 MB, and FHIR JSON is held in memory.
pub const LABELLED_BYTES: usize = 16 * 1024 * 1024;
/// TLS handshakes under way at once: two cores do a thousand a second, so these are a quarter of one.
pub const HANDSHAKES: usize = 256;
/// How long a TLS handshake may take.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// How long a connection may wait for the head of its next request: nginx's `client_header_timeout`.
pub const HEAD_TIME: Duration = Duration::from_secs(60);
/// How long a request body may take to arrive: a sender gives up after 60 to 120 s.
pub const BODY_TIME: Duration = Duration::from_secs(30);
/// How long a client may take no byte of an answer: nginx's `send_timeout`.
pub const STALL_TIME: Duration = Duration::from_secs(60);
/// Open connections at once: 1,000 idle ones are a fact of life, this leaves room beside them.
pub const CONNECTIONS: usize = 4_096;
/// How long shutdown waits for requests under way.
pub const SHUTDOWN_TIME: Duration = Duration::from_secs(30);
/// The longest a verified signature stays cached.
pub const SIGNATURE_CACHE_TIME: Duration = Duration::from_secs(5 * 60);
/// Signatures remembered at once, about 100 bytes each.
pub const SIGNATURE_CACHE_ENTRIES: usize = 16_384;
/// Characters of an unverified claim that audit may quote: a longer name tells nobody more.
pub const UNVERIFIED_QUOTE_CHARS: usize = 256;
/// Patients whose consents are remembered as read: as many as a busy exchange treats in a shift.
pub const CONSENT_CACHE_PATIENTS: usize = 16_384;
/// Bytes that remembered consents may take, about: some 1,800 patients with consents of 12 rules.
pub const CONSENT_CACHE_BYTES: usize = 64 * 1024 * 1024;
/// Classes of principals remembered for a patient: who asks are few, and most consents tell none of them apart.
pub const CONSENT_CACHE_CLASSES: usize = 8;
/// Bytes of an audit message: every receiver takes 32 KiB (DICOM PS3.15 A.6), syslog-ng closes the connection at 64.
pub const AUDIT_MESSAGE_BYTES: usize = 32 * 1024;
/// Refusals of one sender that have a record each within a while: five a second, 1 GB a day.
pub const REFUSAL_RECORDS: usize = 300;
/// That while.
pub const REFUSAL_TIME: Duration = Duration::from_secs(60);
/// How long further ones gather for a record that counts them: one a second.
pub const REFUSAL_GATHERING_TIME: Duration = Duration::from_secs(1);
/// Senders of refusals remembered at once: each is a certificate of a CA that we trust.
pub const REFUSAL_SENDERS: usize = 4_096;
/// Declarations of break-glass counted at once: a thousand times what is usual of a partner in a day, 1 KiB each.
pub const DECLARATIONS: usize = 50_000;
/// Reviews of break-glass that wait for their file at once, some KiB each: what is beyond is in the journal alone.
pub const UNOPENED_REVIEWS: usize = 10_000;
/// How long a failed handshake of an address stays the only one that audit records.
pub const STRANGER_TIME: Duration = Duration::from_secs(60);
/// Failed handshakes that audit records in that time, whoever they are of: one a second, 100 MB a day.
pub const STRANGER_RECORDS: usize = 60;
/// Addresses of failed handshakes remembered at once, about 100 bytes each.
pub const STRANGER_ADDRESSES: usize = 4_096;
/// The most that a partner's clock may be off: as much as Kerberos and Norway's gateway allow.
pub const LONGEST_SKEW: Duration = Duration::from_secs(300);
/// The longest that an assertion of any partner may live: a day, beyond it one is a standing key.
pub const LONGEST_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// Believed assertions remembered at once, some 150 bytes each: 70 new ones a second for four hours.
pub const REPLAY_ASSERTIONS: usize = 1_000_000;
/// Requests of one partner a second that may fail before the next ones are turned away, unless told otherwise.
pub const FAILURES_PER_S: u32 = 200;
/// The most that configuration may allow: beyond it the journal is what fails.
pub const FAILURES_PER_S_CEILING: u32 = 10_000;
/// Failures of one partner within [`ALERT_TIME`] that are worth an alert: a mistyped setting fails each request.
pub const ALERT_FAILURES: u64 = 20;
/// How long failures are counted together.
pub const ALERT_TIME: Duration = Duration::from_secs(60);
/// How long an alert stays the only one: as long as somebody needs to look.
pub const ALERT_PAUSE: Duration = Duration::from_secs(15 * 60);
/// Certificates of which OCSP responders are asked at once: ten times what a large exchange has.
pub const OCSP_INQUIRIES: usize = 1_024;
/// Questions to OCSP responders under way at once: one that hangs leaves room for others.
pub const OCSP_AT_ONCE: usize = 8;
/// How long an OCSP responder may take, from connecting to the last byte; nobody waits for it.
pub const OCSP_TIME: Duration = Duration::from_secs(10);
/// Bytes of an OCSP response: usual ones have 0.5 to 2.5 KB, with the responder's certificate.
pub const OCSP_BYTES: usize = 64 * 1024;
