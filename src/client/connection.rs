use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Certificate, Identity, Method, Response};

use super::ENVELOPE_BYTES;
use super::answer::{Answer, read_query};
use super::ask::{Ask, Entity};
use super::error::Error;
use super::query::Query;
use super::retrieve::{self, Retrieved};
use super::sink::Sink;
use crate::soap::{Packaging, action};
use crate::xds::{DocumentRequest, QueryAnswer, retrieve_request};

/// Where to ask, whom to trust there, and who we are; all in PEM.
#[derive(Clone)]
pub struct Settings {
    /// The endpoint of ITI-38.
    pub query_url: String,
    /// The endpoint of ITI-39.
    pub retrieve_url: String,
    /// The only authorities that the other side's certificate may come from.
    pub authorities: Vec<u8>,
    /// Our certificate and those between it and the authority.
    pub certificate: Vec<u8>,
    /// Our key, PKCS #8.
    pub key: Vec<u8>,
    /// How long a connection may take to be made.
    pub connect_time: Duration,
    /// How long the other side may be silent; senders in the field give up after 60 to 120 s.
    pub idle_time: Duration,
}

impl Settings {
    /// A gateway with Glassgate's paths below `base`, `https://host:port`, and usual times.
    #[must_use]
    pub fn at(base: &str, authorities: Vec<u8>, certificate: Vec<u8>, key: Vec<u8>) -> Self {
        let base = base.trim_end_matches('/');
        Self {
            query_url: format!("{base}/xca/query"),
            retrieve_url: format!("{base}/xca/retrieve"),
            authorities,
            certificate,
            key,
            connect_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(120),
        }
    }
}

/// Keys stay out of logs.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("query_url", &self.query_url)
            .field("retrieve_url", &self.retrieve_url)
            .finish_non_exhaustive()
    }
}

/// Asks one other gateway, over connections that it keeps.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    query_url: String,
    retrieve_url: String,
}

/// An HTTP answer as it came.
#[derive(Debug, Clone)]
pub struct Raw {
    /// The HTTP status.
    pub status: u16,
    /// The Content-Type as written, empty where there is none.
    pub content_type: String,
    /// The whole body.
    pub body: Bytes,
}

impl Client {
    /// Prepares TLS; nothing but the settings, no environment, adds authorities or proxies.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let identity = Identity::from_pkcs8_pem(&settings.certificate, &settings.key)
            .map_err(Error::Settings)?;
        let authorities =
            Certificate::from_pem_bundle(&settings.authorities).map_err(Error::Settings)?;
        let http = reqwest::Client::builder()
            .tls_certs_only(authorities)
            .identity(identity)
            .https_only(true)
            .no_proxy()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(settings.connect_time)
            .read_timeout(settings.idle_time)
            .build()
            .map_err(Error::Settings)?;
        let (query_url, retrieve_url) = (settings.query_url.clone(), settings.retrieve_url.clone());
        Ok(Self { http, query_url, retrieve_url })
    }

    /// Where [`Self::query`] asks.
    #[must_use]
    pub fn query_url(&self) -> &str {
        &self.query_url
    }

    /// Where [`Self::retrieve`] asks.
    #[must_use]
    pub fn retrieve_url(&self) -> &str {
        &self.retrieve_url
    }

    /// Cross Gateway Query, ITI-38.
    pub async fn query(&self, ask: &Ask, query: &Query) -> Result<Answer<QueryAnswer>, Error> {
        let entity = ask.entity(action::QUERY, &self.query_url, &query.body(), Packaging::Simple);
        let raw = self.post(&self.query_url, entity).await?;
        Self::read_query(raw)
    }

    /// Reads a query's answer that came by [`Self::post`].
    pub fn read_query(raw: Raw) -> Result<Answer<QueryAnswer>, Error> {
        let xml = retrieve::envelope_of(&raw)?;
        let outcome = read_query(&xml)?;
        Ok(Answer { status: raw.status, content_type: raw.content_type, xml, outcome })
    }

    /// Cross Gateway Retrieve, ITI-39; every document goes to the sink as it arrives.
    pub async fn retrieve(
        &self,
        ask: &Ask,
        documents: &[DocumentRequest],
        sink: &mut dyn Sink,
    ) -> Result<Answer<Retrieved>, Error> {
        let body = retrieve_request(documents);
        let entity = ask.entity(action::RETRIEVE, &self.retrieve_url, &body, Packaging::Mtom);
        let response = self.send(Method::POST, &self.retrieve_url, Some(entity)).await?;
        retrieve::read(response, sink).await
    }

    /// Sends any entity and reads the whole answer, up to [`ENVELOPE_BYTES`].
    pub async fn post(&self, url: &str, entity: Entity) -> Result<Raw, Error> {
        whole(self.send(Method::POST, url, Some(entity)).await?).await
    }

    /// Fetches an address, such as `?wsdl`.
    pub async fn fetch(&self, url: &str) -> Result<Raw, Error> {
        whole(self.send(Method::GET, url, None).await?).await
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        entity: Option<Entity>,
    ) -> Result<Response, Error> {
        let mut request = self.http.request(method, url).header(ACCEPT, "*/*");
        if let Some(entity) = entity {
            request = request.header(CONTENT_TYPE, entity.content_type).body(entity.body);
        }
        request.send().await.map_err(Error::Exchange)
    }
}

/// The Content-Type of an answer, empty where there is none.
pub(super) fn content_type(response: &Response) -> String {
    let value = response.headers().get(CONTENT_TYPE);
    value.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// The next piece of the body.
pub(super) async fn chunk(response: &mut Response) -> Result<Option<Bytes>, Error> {
    let url = response.url().clone();
    response.chunk().await.map_err(|error| Error::Exchange(error.with_url(url)))
}

/// Reads a body to its end, or to the ceiling.
pub(super) async fn whole(mut response: Response) -> Result<Raw, Error> {
    let (status, content_type) = (response.status().as_u16(), content_type(&response));
    let mut body = BytesMut::new();
    while let Some(piece) = chunk(&mut response).await? {
        if body.len().saturating_add(piece.len()) > ENVELOPE_BYTES {
            return Err(Error::TooLarge { limit: ENVELOPE_BYTES });
        }
        body.extend_from_slice(&piece);
    }
    Ok(Raw { status, content_type, body: body.freeze() })
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use openssl::ssl::{Ssl, SslAcceptor, SslFiletype, SslMethod, SslVerifyMode};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio_openssl::SslStream;

    use super::*;
    use crate::client::TroubleKind;

    const CERTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/certs");

    /// Serves one connection over mutual TLS: answers with the common name of the client's certificate.
    async fn serve(listener: TcpListener) {
        let mut tls = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
        tls.set_ca_file(format!("{CERTS}/ca.crt")).unwrap();
        tls.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        tls.set_certificate_chain_file(format!("{CERTS}/gateway/tls.crt")).unwrap();
        let key = format!("{CERTS}/gateway/tls.key");
        tls.set_private_key_file(key, SslFiletype::PEM).unwrap();
        let (socket, _) = listener.accept().await.unwrap();
        let ssl = Ssl::new(tls.build().context()).unwrap();
        let mut stream = SslStream::new(ssl, socket).unwrap();
        if Pin::new(&mut stream).accept().await.is_err() {
            return;
        }
        let certificate = stream.ssl().peer_certificate().unwrap();
        let name = certificate.subject_name().entries().last().unwrap().data().as_slice().to_vec();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"GET /xca/query?wsdl HTTP/1.1\r\n"));
        let answer = format!("HTTP/1.1 404 x\r\nContent-Length: {}\r\n\r\n", name.len());
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.write_all(&name).await.unwrap();
        let _ = stream.shutdown().await;
    }

    async fn fetch(authority: &str, identity: &str) -> Result<Raw, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("https://{}/", listener.local_addr().unwrap());
        let server = tokio::spawn(serve(listener));
        let read = |name: String| std::fs::read(format!("{CERTS}/{name}")).unwrap();
        let settings = Settings::at(
            &base,
            read(authority.to_owned()),
            read(format!("{identity}.crt")),
            read(format!("{identity}.key")),
        );
        let client = Client::new(&settings).unwrap();
        let fetched = client.fetch(&format!("{}?wsdl", client.query_url())).await;
        server.await.unwrap();
        fetched
    }

    #[tokio::test]
    async fn both_sides_show_certificates_that_the_other_trusts() {
        let raw = fetch("ca.crt", "partners/hilltop/tls").await.unwrap();
        assert_eq!((raw.status, raw.content_type.as_str()), (404, ""));
        assert_eq!(raw.body, "gateway.hilltop.example");
    }

    #[tokio::test]
    async fn nothing_but_the_settings_is_trusted() {
        // run with SSL_CERT_FILE=certs/ca.crt as well: it must not matter
        let error = fetch("stranger/ca.crt", "partners/hilltop/tls").await.unwrap_err();
        let kind = error.trouble().unwrap().kind;
        assert!(
            matches!(&kind, TroubleKind::NotTrusted(why) if why.contains("certificate")),
            "{kind:?}"
        );
        let told = error.to_string();
        assert!(told.starts_with("no answer from 127.0.0.1:"), "{told}");
        assert!(told.contains(": its certificate is not trusted ("), "{told}");
        let error = fetch("ca.crt", "stranger/tls").await.unwrap_err();
        // what was under way when the other side closed may reach us before its alert does
        let kind = error.trouble().unwrap().kind;
        let refused = TroubleKind::TurnedAway("unknown ca".to_owned());
        assert!(kind == refused || kind == TroubleKind::BrokenOff, "{kind:?}");
    }

    #[tokio::test]
    async fn why_nobody_answers_is_told_with_the_address() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let read = |name: &str| std::fs::read(format!("{CERTS}/{name}")).unwrap();
        let client = |base: &str| {
            let (cert, key) = (read("partners/hilltop/tls.crt"), read("partners/hilltop/tls.key"));
            Client::new(&Settings::at(base, read("ca.crt"), cert, key)).unwrap()
        };
        let trouble = async |base: &str| {
            let client = client(base);
            client.fetch(client.query_url()).await.unwrap_err().trouble().unwrap()
        };
        let base = format!("https://{address}");
        let plain = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            let mut rest = Vec::new();
            let _read = stream.read_to_end(&mut rest).await;
            listener
        });
        assert_eq!(trouble(&base).await.kind, TroubleKind::NoTls);
        let listener = plain.await.unwrap();
        let rude = tokio::spawn(async move { drop(listener.accept().await.unwrap()) });
        assert_eq!(trouble(&base).await.kind, TroubleKind::BrokenOff);
        rude.await.unwrap();
        let refused = trouble(&base).await;
        assert_eq!(refused.kind, TroubleKind::Refused);
        let told = format!("no answer from {address}: nobody listens there (connection refused)");
        assert_eq!(refused.to_string(), told);
    }
}
