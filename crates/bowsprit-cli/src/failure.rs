//! Why a connection did not open: the stage, the cause and the remedy, in sentences.

use std::io::ErrorKind;
use std::time::Duration;

use bowsprit::proto::handshake::{HandshakeError, ResponseHead};
use bowsprit::{
    ConnectError, DialError, ProxyError, ProxyErrorKind, Stage, TlsError, TlsErrorKind,
};

use crate::descriptors;
use crate::events::{HttpAnswer, masked_uri};
use crate::options::Times;
use crate::printer::duration::milliseconds;
use crate::printer::text::{escape, excerpt};
use crate::status::Status;

/// How many characters of foreign text are told in a line.
const MAX_FOREIGN: usize = 60;

/// How many characters of a URI are told in a line.
const MAX_URI: usize = 200;

/// Why a connection did not open. Foreign text in it is not escaped, and no secret is in it.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The kind of fault in the words of the original.
    pub(crate) head: &'static str,
    /// What happened, and in parentheses what helps, if anything does.
    pub(crate) detail: String,
    /// What to try, in a sentence.
    pub(crate) remedy: Option<String>,
    /// Where it happened: `dns`, `connect`, `proxy`, `tls`, `http`, `websocket`, or `none` where the
    /// attempt was given up.
    pub(crate) stage: &'static str,
    /// What the server answered, if it did.
    pub(crate) answer: Option<HttpAnswer>,
    /// What it means for the exit status.
    pub(crate) status: Option<Status>,
    /// The detail says by itself what to try, or needs no words for it.
    is_plain: bool,
}

impl Failure {
    /// The text that the seed prints for an answer other than 101, alone in its line.
    pub(crate) const STATUS: &str = "Invalid HTTP status.";

    /// What to tell of this error; `times` are those that were asked for.
    pub(crate) fn new(error: &ConnectError, times: &Times) -> Self {
        let help = help(error, times);
        let is_plain = help.flags.is_some() || is_refused(error) || is_not_tls(error);
        let what = what(error, times);
        let detail = match (descriptors::remedy(error), &help.flags) {
            (Some(remedy), _) => format!("{what}: {remedy}"),
            (None, Some(flags)) => format!("{what} ({flags})"),
            (None, None) => what,
        };
        Self {
            head: head(error),
            detail,
            remedy: help.sentence,
            stage: stage(error),
            answer: error
                .response()
                .map(|head| HttpAnswer::new(head, body(error))),
            status: Status::of_failure(error, times),
            is_plain,
        }
    }

    /// What went wrong, in one line, escaped: for who sees nothing else of the connection.
    pub(crate) fn line(&self) -> String {
        let answer = self.answer.as_ref().filter(|answer| answer.status != 101);
        let server = answer.and_then(|answer| answer.header("server"));
        let server = server.filter(|name| !name.is_empty());
        let remedy = self.remedy.as_deref().filter(|_| !self.is_plain);
        let mut line = escape(&self.detail).into_owned();
        if let Some(name) = server {
            line.push_str(&format!("; server: {}", excerpt(name, MAX_FOREIGN)));
        }
        if let Some(remedy) = remedy {
            line.push_str(&format!("; {}", escape(remedy)));
        }
        line
    }
}

/// Whether the port is plain: the library's text says what to try.
fn is_not_tls(error: &ConnectError) -> bool {
    matches!(error, ConnectError::Tls(error) if error.kind() == TlsErrorKind::NotTls)
}

/// Whether nobody listens: who reads that knows what to do.
fn is_refused(error: &ConnectError) -> bool {
    let is = |(_, error): &(_, std::io::Error)| error.kind() == ErrorKind::ConnectionRefused;
    matches!(error, ConnectError::Dial(DialError::Tcp { attempts }) if attempts.iter().all(is))
}

/// What came of the body behind the head of an answer.
fn body(error: &ConnectError) -> &[u8] {
    match error {
        ConnectError::Handshake { body, .. } => body,
        _ => &[],
    }
}

/// The stage by the name that programs read.
const fn stage(error: &ConnectError) -> &'static str {
    match error {
        ConnectError::Timeout(stage) => match stage {
            Stage::Dns => "dns",
            Stage::Connect => "connect",
            Stage::Proxy => "proxy",
            Stage::Tls => "tls",
            _ => "http",
        },
        ConnectError::Dial(DialError::Dns { .. } | DialError::Family { .. }) => "dns",
        ConnectError::Dial(_) => "connect",
        ConnectError::Proxy(_) => "proxy",
        ConnectError::Tls(_) => "tls",
        ConnectError::Handshake {
            error:
                HandshakeError::AcceptMismatch { .. }
                | HandshakeError::Missing(_)
                | HandshakeError::Duplicate(_)
                | HandshakeError::MissingUpgrade
                | HandshakeError::MissingConnection
                | HandshakeError::InvalidExtensions(_)
                | HandshakeError::UnrequestedExtension(_)
                | HandshakeError::UnacceptableExtension(_)
                | HandshakeError::UnrequestedSubprotocol(_),
            ..
        } => "websocket",
        ConnectError::Canceled => "none",
        _ => "http",
    }
}

/// What happened, without what helps.
fn what(error: &ConnectError, times: &Times) -> String {
    match error {
        ConnectError::Timeout(stage) => format!(
            "{stage} timed out after {}",
            span(times.open_timeout_or_default())
        ),
        ConnectError::Handshake {
            error: fault,
            response,
            ..
        } => match (fault, response.as_deref()) {
            (HandshakeError::Status(_), Some(head)) => refused(head),
            (HandshakeError::NotHttp { beginning }, _) => {
                format!("not a WebSocket server: it said \"{}\"", said(beginning))
            }
            (HandshakeError::Eof { received: 0 }, _) => {
                "server ended the connection without an answer".to_owned()
            }
            (HandshakeError::AcceptMismatch { expected, received }, _) => format!(
                "server did not prove that it read the request: Sec-WebSocket-Accept is \"{}\", expected \"{expected}\"",
                cut(received, MAX_FOREIGN)
            ),
            (
                HandshakeError::Missing(_)
                | HandshakeError::MissingUpgrade
                | HandshakeError::MissingConnection,
                _,
            ) => {
                format!("answer of the server does not upgrade to WebSocket: {fault}")
            }
            _ => fault.to_string(),
        },
        _ => error.to_string(),
    }
}

/// The beginning of what is no HTTP, without the end of its line.
fn said(beginning: &[u8]) -> String {
    let end = beginning
        .iter()
        .rposition(|byte| !matches!(byte, b'\r' | b'\n'))
        .map_or(0, |last| last + 1);
    let text = beginning.get(..end).unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

/// An HTTP answer that is no 101: its status, and where it leads.
fn refused(head: &ResponseHead) -> String {
    let status = format!("{} {}", head.status(), head.reason());
    let mut text = format!("HTTP {}", cut(status.trim_end(), MAX_FOREIGN));
    if let Some(place) = location(head) {
        text.push_str(&format!(": moved to {}", cut(&place, MAX_URI)));
    }
    text
}

fn location(head: &ResponseHead) -> Option<String> {
    let is_moved = matches!(head.status(), 301 | 302 | 303 | 307 | 308);
    let place = head.header("location").filter(|_| is_moved)?;
    Some(masked_uri(place).into_owned())
}

/// The beginning of a text, not escaped.
fn cut(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn span(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        return milliseconds(time);
    }
    format!("{} s", time.as_secs_f64())
}

/// What to try: as the flags of this program, and in a sentence.
#[derive(Default)]
struct Help {
    flags: Option<String>,
    sentence: Option<String>,
}

impl Help {
    fn new(flags: &str, sentence: &str) -> Self {
        Self {
            flags: (!flags.is_empty()).then(|| flags.to_owned()),
            sentence: (!sentence.is_empty()).then(|| sentence.to_owned()),
        }
    }
}

fn help(error: &ConnectError, times: &Times) -> Help {
    match error {
        ConnectError::Dial(error) => help_dialing(error),
        ConnectError::Proxy(error) => help_with_proxy(error),
        ConnectError::Tls(error) => help_with_tls(error),
        ConnectError::Timeout(stage) => Help::new(
            "--open-timeout TIME",
            match stage {
                Stage::Dns => "try again, or name the address: --resolve HOST:PORT:ADDRESS",
                Stage::Connect => {
                    "the host is down, or a firewall drops what comes: check address and port, or give it more time"
                }
                Stage::Proxy => "the proxy is slow, or is none: check --proxy and the environment",
                Stage::Tls => {
                    "something listens there that does not speak TLS: try ws:, or another port"
                }
                _ => {
                    "something listens there that does not answer HTTP: check port and path, or give it more time"
                }
            },
        ),
        ConnectError::Handshake {
            error: fault,
            response,
            ..
        } => match (fault, response.as_deref()) {
            (HandshakeError::Status(_), Some(head)) => help_with_status(head),
            _ => help_with_answer(fault),
        },
        ConnectError::TooManyRedirects { .. } => Help::new(
            "-L=N",
            "follow more of them with -L=N, or connect to the last one",
        ),
        ConnectError::Redirect(_) => Help::new(
            "",
            "connect to the new place by hand, if it is to be trusted",
        ),
        ConnectError::Io(_) if times.is_asked(Stage::Open) => Help::default(),
        ConnectError::Io(_) => Help::new(
            "",
            "the server or something between ended the connection: try again, try wss:",
        ),
        _ => Help::default(),
    }
}

fn help_dialing(error: &DialError) -> Help {
    match error {
        DialError::Dns { .. } => Help::new(
            "",
            "check the spelling, or name the address: --resolve HOST:PORT:ADDRESS",
        ),
        DialError::Family { .. } => Help::new("", "leave -4 or -6 out"),
        DialError::Unix { .. } => Help::new(
            "",
            "check the path and who may open it, and that the server runs",
        ),
        DialError::Tcp { attempts } => {
            let is_refused = attempts
                .iter()
                .any(|(_, error)| error.kind() == ErrorKind::ConnectionRefused);
            Help::new(
                "",
                if is_refused {
                    "nothing listens there: check the port, and that the server runs"
                } else {
                    "check the address, the network and firewalls between"
                },
            )
        }
        _ => Help::default(),
    }
}

fn help_with_proxy(error: &ProxyError) -> Help {
    match error.kind() {
        ProxyErrorKind::Login { .. } => Help::new(
            "--proxy http://USER:PASSWORD@HOST",
            "log in: --proxy http://USER:PASSWORD@HOST",
        ),
        ProxyErrorKind::Variable { .. } => Help::new(
            "--proxy none",
            "mend the variable, or go without a proxy: --proxy none",
        ),
        _ => Help::new(
            "--proxy none",
            "check --proxy and the environment, or go without a proxy: --proxy none",
        ),
    }
}

/// The flags that are the remedies which the library's text names.
fn help_with_tls(error: &TlsError) -> Help {
    use TlsErrorKind::{
        ClientCertificateRequired, Expired, NotTls, NotYetValid, PinMismatch, Reset, SelfSigned,
        UnexpectedEnd, UnknownIssuer, WrongName,
    };
    match error.kind() {
        SelfSigned | UnknownIssuer => Help::new(
            "--ca FILE, --insecure",
            "trust its certificate with --ca FILE, or skip all checks with --insecure",
        ),
        Expired | NotYetValid => {
            Help::new("--insecure", "check the clock; --insecure skips all checks")
        }
        WrongName => Help::new(
            "--sni NAME, --insecure",
            "use a name of the certificate, in the URI or with --sni NAME; --insecure skips all checks",
        ),
        ClientCertificateRequired => Help::new(
            "--cert FILE, --key FILE",
            "show a certificate of yours: --cert FILE --key FILE",
        ),
        PinMismatch => Help::new(
            "--pin HEX",
            "if that is the server's new certificate, pin it: --pin HEX",
        ),
        NotTls => Help::new("", "try ws: in place of wss:, or another port"),
        UnexpectedEnd | Reset => Help::new(
            "",
            "where it does so each time, it may not speak TLS on this port, or not for this name: try ws:, another port, or --sni NAME",
        ),
        _ => Help::default(),
    }
}

fn help_with_status(head: &ResponseHead) -> Help {
    match head.status() {
        301 | 302 | 303 | 307 | 308 if head.header("location").is_some() => Help::new(
            "-L follows",
            "follow it with -L, or connect to the new place",
        ),
        401 => Help::new(
            "--auth USER:PW, --bearer TOKEN",
            "log in: --auth USER:PASSWORD, --bearer TOKEN or --cookie",
        ),
        403 => Help::new(
            "",
            "the server knows what is asked and refuses: --origin, --auth, --bearer or --cookie may help",
        ),
        404 | 410 => Help::new("", "check the path of the URI"),
        400 | 405 | 426 | 505 => Help::new(
            "",
            "this place wants another kind of request: check path, subprotocol and version, and whether a proxy passes Upgrade on",
        ),
        408 | 429 | 502..=504 => match head.header("retry-after") {
            Some(wait) => Help::new(
                "",
                &format!("try again later, it says: {}", excerpt(wait, MAX_FOREIGN)),
            ),
            None => Help::new("", "try again later; --reconnect does"),
        },
        200..=299 => Help::new(
            "",
            "the server answers with a page: this path is not for WebSocket",
        ),
        _ => Help::default(),
    }
}

fn help_with_answer(fault: &HandshakeError) -> Help {
    match fault {
        HandshakeError::NotHttp { .. } => {
            Help::new("", "another service listens there: check the port")
        }
        HandshakeError::Tls => Help::new("", "use wss: in place of ws:"),
        HandshakeError::AcceptMismatch { .. } => Help::new(
            "",
            "a cache or a broken server answered: check what stands between",
        ),
        HandshakeError::Eof { .. } => Help::new(
            "",
            "check the port; wss: in place of ws: may be wanted there",
        ),
        HandshakeError::UnrequestedSubprotocol(_) => {
            Help::new("--subprotocol NAME", "offer it with --subprotocol NAME")
        }
        HandshakeError::UnrequestedExtension(_) | HandshakeError::UnacceptableExtension(_) => {
            Help::new("--no-compress", "try without compression: --no-compress")
        }
        HandshakeError::Missing(_)
        | HandshakeError::MissingUpgrade
        | HandshakeError::MissingConnection => Help::new(
            "",
            "a proxy on the way may have removed headers: check what stands between, try wss:",
        ),
        _ => Help::default(),
    }
}

/// The words that the original would have used, where it had any that are true.
fn head(error: &ConnectError) -> &'static str {
    match error {
        ConnectError::Io(error) if error.kind() == ErrorKind::UnexpectedEof => "End of File",
        ConnectError::Dial(_) | ConnectError::Io(_) => "Underlying Transport Error",
        ConnectError::Proxy(_) => "Proxy connection failed",
        ConnectError::Tls(_) => "TLS handshake failed",
        ConnectError::Timeout(_) => "The opening handshake timed out",
        ConnectError::Handshake { error, .. } => match error {
            HandshakeError::Status(_) => Failure::STATUS,
            HandshakeError::Missing(_)
            | HandshakeError::MissingUpgrade
            | HandshakeError::MissingConnection => "A required HTTP header is missing",
            _ => "Opening handshake failed",
        },
        _ => "Canceled",
    }
}
