//! A demo world with the measured patient in it, its audit receiver, and requests to send.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use super::servers::{Server, is_ready};
use super::{Failed, patient, sink, wire};
use glassgate::client::{Ask, Query, Signer};
use glassgate::clock::{SystemClock, SystemRandom};
use glassgate::demo::{Layout, Stage, pki, world};
use glassgate::ids::HomeCommunityId;
use glassgate::saml::issue::Order;
use glassgate::soap::{Packaging, action};
use glassgate::xds::{DocumentRequest, retrieve_request};

/// What every answer of success says near its beginning.
pub(crate) const SUCCESS: &str = "ResponseStatusType:Success";

/// A loaded demo world that nobody serves yet; its receiver is a sink here.
pub(crate) struct World {
    pub(crate) layout: Layout,
    pub(crate) listen: SocketAddr,
    management: SocketAddr,
}

impl World {
    /// Makes the world in a folder that is emptied before.
    pub(crate) fn make(directory: &Path, large_bytes: u64) -> Result<Self, Failed> {
        let _none = std::fs::remove_dir_all(directory);
        let layout = Layout::new(directory);
        let certs = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs");
        pki::copy(&certs, &layout.pki())?;
        patient::write(&layout.data(), large_bytes)?;
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let stage = runtime.block_on(Stage::set(directory, 0))?;
        let address = |url: &str| -> Result<SocketAddr, Failed> {
            Ok(url.split("//").nth(1).unwrap_or_default().parse()?)
        };
        let (listen, management) = (address(&stage.url)?, address(&stage.management_url)?);
        let receiver = stage.receiver.address();
        // its ports and its files are the process's now, and the receiver's port is the sink's
        runtime.block_on(stage.strike());
        drop(runtime);
        sink::start(&layout.pki(), receiver)?;
        Ok(Self { layout, listen, management })
    }

    /// Starts a built gateway on the world.
    pub(crate) fn serve(&self, program: &Path) -> Result<Server, Failed> {
        let mut command = Command::new(program);
        command.arg("serve").arg("--config").arg(self.layout.config()).stderr(Stdio::null());
        Server::start(command, self.listen, || is_ready(self.management))
    }
}

/// Makes requests of riverside's physician.
pub(crate) struct Asker {
    pub(crate) signer: Signer,
    url: String,
}

impl Asker {
    /// With the keys of a demo; `kind` is `saml` (RSA) or `saml-ec`.
    pub(crate) fn new(layout: &Layout, address: SocketAddr, kind: &str) -> Result<Self, Failed> {
        let read = |end: &str| std::fs::read(layout.partner("riverside", &format!("{kind}.{end}")));
        let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
        let signer = Signer::from_pem(&read("key")?, &read("crt")?, clock, random)?;
        Ok(Self { signer, url: format!("https://{address}") })
    }

    /// A new assertion.
    pub(crate) fn ask(&self) -> Result<Ask, Failed> {
        Ok(self.signer.ask(&order())?)
    }

    /// ITI-38, FindDocuments with the filters that senders give; 9 KB with its assertion.
    pub(crate) fn query(&self, ask: &Ask, patient: &str) -> Vec<u8> {
        let url = format!("{}/xca/query", self.url);
        let entity = ask.entity(action::QUERY, &url, &query(patient).body(), Packaging::Simple);
        wire::request("/xca/query", &entity.content_type, &entity.body)
    }

    /// ITI-38, FindDocuments of a patient's approved documents.
    pub(crate) fn plain_query(&self, ask: &Ask, patient: &str) -> Vec<u8> {
        let (url, body) =
            (format!("{}/xca/query", self.url), Query::find_documents(patient).body());
        let entity = ask.entity(action::QUERY, &url, &body, Packaging::Simple);
        wire::request("/xca/query", &entity.content_type, &entity.body)
    }

    /// ITI-39 of one document, in MTOM.
    pub(crate) fn retrieve(&self, ask: &Ask, document: &str) -> Vec<u8> {
        let url = format!("{}/xca/retrieve", self.url);
        let entity = ask.entity(action::RETRIEVE, &url, &retrieve(document), Packaging::Mtom);
        wire::request("/xca/retrieve", &entity.content_type, &entity.body)
    }
}

/// A FindDocuments that all twenty entries match.
pub(crate) fn query(patient: &str) -> Query {
    let mut types =
        vec!["18842-5^^http://loinc.org".to_owned(), "18842-5^^2.16.840.1.113883.6.1".to_owned()];
    types.extend((0..60).map(|n| format!("{}-{}^^2.16.840.1.113883.6.1", 11_488 + n * 97, n % 10)));
    Query::find_documents(patient).list("$XDSDocumentEntryTypeCode", &types)
}

/// The body of a retrieve.
pub(crate) fn retrieve(document: &str) -> String {
    retrieve_request(&[DocumentRequest {
        home: Some(world::HOME.to_owned()),
        repository: world::REPOSITORY.to_owned(),
        document: document.to_owned(),
    }])
}

fn order() -> Order {
    Order {
        issuer: world::RIVERSIDE.issuer.to_owned(),
        subject: "user-7".to_owned(),
        subject_name: Some("Dr. Elin Vogel".to_owned()),
        organization: Some("Riverside Hospital, Department of Internal Medicine".to_owned()),
        organization_id: Some(world::RIVERSIDE.home.to_owned()),
        npi: Some("1234567893".to_owned()),
        audience: world::HOME.to_owned(),
        lifetime: Duration::from_secs(1_800),
        purposes: vec![world::purpose("TREAT")],
        roles: vec![world::role(world::PHYSICIAN)],
        home_community: HomeCommunityId::parse(world::RIVERSIDE.home).ok(),
        ..Order::default()
    }
}
