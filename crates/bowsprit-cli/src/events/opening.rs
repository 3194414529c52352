//! How connections are made: what was asked for, what was settled, why it failed.

use std::time::{Duration, SystemTime};

use bowsprit::{ConnectRequest, ConnectionInfo, PeerCertificate, TlsInfo};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{HttpAnswer, What, mask, seconds};
use crate::network::{Failure, Retried};

/// How a connection opened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Opened {
    pub(crate) uri: String,
    /// How long it took, from the name's resolution on.
    pub(crate) seconds: f64,
    pub(crate) status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subprotocol: Option<String>,
    /// The parameters of permessage-deflate, where it was agreed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) compression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<TlsFacts>,
    /// Of the server's response, but for those that only the handshake needs.
    pub(crate) headers: Vec<(String, String)>,
}

/// What TLS settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TlsFacts {
    pub(crate) version: String,
    pub(crate) cipher: String,
    pub(crate) verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alpn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<CertificateFacts>,
}

/// Who the server says that it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CertificateFacts {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) names: Vec<String>,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    pub(crate) days_left: i64,
    pub(crate) sha256: String,
}

/// Why a connection did not open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Failed {
    pub(crate) uri: String,
    /// Where: `dns`, `connect`, `proxy`, `tls`, `http`, `websocket`, or `none` where it was given up.
    #[serde(default)]
    pub(crate) stage: String,
    /// What happened, and in parentheses the options that help, if any do.
    pub(crate) error: String,
    /// What to try, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) remedy: Option<String>,
    /// The exit status that it stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exit_status: Option<u8>,
    /// What the server answered, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) http: Option<HttpAnswer>,
}

impl What {
    /// A connection that is about to be made with this request.
    pub(crate) fn connect(uri: &str, request: &ConnectRequest) -> Self {
        let offers: Vec<&str> = request.subprotocols().collect();
        let offers = offers.join(", ");
        let offers = (!offers.is_empty()).then_some(("Sec-WebSocket-Protocol", offers.as_str()));
        let headers = request.headers().chain(offers);
        Self::Connect {
            uri: mask::uri(uri).into_owned(),
            headers: headers.map(mask::header).collect(),
        }
    }

    /// A connection that has opened.
    pub(crate) fn opened(info: &ConnectionInfo, took: Duration) -> Self {
        let headers = info.headers().map(mask::header);
        Self::Open(Box::new(Opened {
            uri: mask::uri(info.uri()).into_owned(),
            seconds: seconds(took),
            status: 101,
            peer: info.peer().map(|peer| peer.to_string()),
            subprotocol: info.subprotocol().map(mask::subprotocols),
            compression: info.deflate().map(|params| params.to_string()),
            tls: info.tls().map(TlsFacts::new),
            headers: headers.collect(),
        }))
    }

    /// A connection that did not open.
    pub(crate) fn failed(uri: &str, failure: &Failure) -> Self {
        Self::Fail(Box::new(Failed {
            uri: mask::uri(uri).into_owned(),
            stage: failure.stage.to_owned(),
            error: failure.detail.clone(),
            remedy: failure.remedy.clone(),
            exit_status: failure.status.map(|status| status as u8),
            http: failure.answer.clone(),
        }))
    }

    /// A further try.
    pub(crate) fn retried(retried: &Retried) -> Self {
        Self::Retry {
            number: retried.number,
            seconds: seconds(retried.delay),
            error: retried.failure.clone(),
        }
    }
}

impl TlsFacts {
    pub(crate) fn new(tls: &TlsInfo) -> Self {
        Self {
            version: tls.version.to_owned(),
            cipher: tls.cipher.to_owned(),
            verified: tls.verified,
            alpn: tls.alpn.as_ref().map(|name| name.clone().into_owned()),
            certificate: tls.peer.as_deref().map(CertificateFacts::new),
        }
    }
}

impl CertificateFacts {
    fn new(peer: &PeerCertificate) -> Self {
        let moment = |time| Timestamp::try_from(time).unwrap_or_default();
        Self {
            subject: peer.subject.clone(),
            issuer: peer.issuer.clone(),
            names: peer.names.iter().map(ToString::to_string).collect(),
            not_before: moment(peer.not_before),
            not_after: moment(peer.not_after),
            days_left: peer.days_left(SystemTime::now()),
            sha256: peer.fingerprint(),
        }
    }
}
