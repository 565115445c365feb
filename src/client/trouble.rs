use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};

use openssl::error::ErrorStack;

/// Why no answer came, in words that say who is to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// `host:port`, where it is known.
    pub address: Option<String>,
    /// What happened.
    pub kind: Kind,
}

/// What happened on the way to an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The host's name has no address.
    NoSuchHost,
    /// Nobody listens there.
    Refused,
    /// No way leads there.
    Unreachable,
    /// The other side does not speak TLS.
    NoTls,
    /// The other side's certificate is not believed; OpenSSL's reason.
    NotTrusted(String),
    /// The other side's certificate is for another name; OpenSSL's reason.
    AnotherName(String),
    /// The other side does not believe our certificate, or wants one; its alert.
    TurnedAway(String),
    /// It took too long.
    TimedOut,
    /// The connection ended before the answer did.
    BrokenOff,
    /// Something else, in the words of whoever noticed it.
    Other(String),
}

impl Trouble {
    pub(super) fn of(error: &reqwest::Error) -> Self {
        let address = error
            .url()
            .and_then(|url| Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?)));
        let kind = if error.is_timeout() { Kind::TimedOut } else { kind(error) };
        Self { address, kind }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address.as_deref().unwrap_or("the gateway");
        write!(f, "no answer from {address}: ")?;
        match &self.kind {
            Kind::NoSuchHost => f.write_str("its name is not known"),
            Kind::Refused => f.write_str("nobody listens there (connection refused)"),
            Kind::Unreachable => f.write_str("no network leads there"),
            Kind::NoTls => f.write_str("it does not speak TLS"),
            Kind::NotTrusted(why) => write!(f, "its certificate is not trusted ({why})"),
            Kind::AnotherName(why) => write!(f, "its certificate is for another name ({why})"),
            Kind::TurnedAway(why) => write!(f, "it refuses our certificate ({why})"),
            Kind::TimedOut => f.write_str("it took too long"),
            Kind::BrokenOff => f.write_str("the connection broke off"),
            Kind::Other(why) => f.write_str(why),
        }
    }
}

/// What the causes say, the innermost last.
fn kind(error: &reqwest::Error) -> Kind {
    let mut causes: Vec<&(dyn Error + 'static)> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause);
        next = cause.source();
    }
    let texts: Vec<String> = causes.iter().map(ToString::to_string).collect();
    if let Some(reason) = causes.iter().find_map(|cause| reason_of_tls(*cause)) {
        if reason == "certificate verify failed" {
            let why = texts.iter().find_map(|text| in_brackets(text));
            let why = why.unwrap_or(&reason).to_owned();
            let is_name = why.contains("mismatch");
            return if is_name { Kind::AnotherName(why) } else { Kind::NotTrusted(why) };
        }
        if let Some((_, alert)) = reason.split_once("alert ") {
            let of_certificates = ["certificate", "unknown ca", "access denied"];
            return match of_certificates.iter().any(|word| alert.contains(word)) {
                true => Kind::TurnedAway(alert.to_owned()),
                false => Kind::Other(format!("it ends TLS ({alert})")),
            };
        }
        if reason == "wrong version number" || reason == "packet length too long" {
            return Kind::NoTls;
        }
        return Kind::Other(reason);
    }
    let kinds = causes.iter().filter_map(|cause| cause.downcast_ref::<io::Error>());
    for kind in kinds.map(io::Error::kind) {
        match kind {
            ErrorKind::ConnectionRefused => return Kind::Refused,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => return Kind::Unreachable,
            ErrorKind::TimedOut => return Kind::TimedOut,
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
                return Kind::BrokenOff;
            }
            _ => {}
        }
    }
    if texts.iter().any(|text| text.starts_with("dns error")) {
        return Kind::NoSuchHost;
    }
    let ends = ["closed before message completed", "unexpected EOF"];
    if texts.iter().any(|text| ends.iter().any(|end| text.contains(end))) {
        return Kind::BrokenOff;
    }
    // the cause at the bottom says more than `error sending request`
    Kind::Other(texts.last().cloned().unwrap_or_else(|| error.to_string()))
}

/// OpenSSL's reason, where it is the cause.
fn reason_of_tls(cause: &(dyn Error + 'static)) -> Option<String> {
    let stack = cause.downcast_ref::<ErrorStack>()?;
    stack.errors().iter().find_map(openssl::error::Error::reason).map(str::to_owned)
}

/// `self-signed certificate` of `... (self-signed certificate)`, as native-tls tells the result of verification.
fn in_brackets(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("certificate verify failed")?;
    let (_, rest) = rest.rsplit_once('(')?;
    rest.strip_suffix(')')
}
