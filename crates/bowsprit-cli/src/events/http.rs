//! HTTP answers as events, without their secrets.

use bowsprit::proto::handshake::ResponseHead;
use serde::{Deserialize, Serialize};

use super::mask;

/// An HTTP response that is no 101, or not a right one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) headers: Vec<(String, String)>,
    /// The beginning of the body, as far as it came with the head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<String>,
}

/// How much is kept of the body of a refusal.
const MAX_BODY: usize = 1024;

impl HttpAnswer {
    /// All of a head, secrets too, for who asked to see them.
    pub(crate) fn whole(head: &ResponseHead) -> Self {
        let whole = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self {
            headers: head.headers().map(whole).collect(),
            ..Self::new(head, &[])
        }
    }

    /// What of an answer is told: all but its secrets.
    pub(crate) fn new(head: &ResponseHead, body: &[u8]) -> Self {
        let body = body.get(..MAX_BODY).unwrap_or(body);
        Self {
            status: head.status(),
            reason: head.reason().to_owned(),
            headers: head.headers().map(mask::header).collect(),
            body: (!body.is_empty()).then(|| String::from_utf8_lossy(body).into_owned()),
        }
    }

    /// The status code and the reason phrase; foreign text, not escaped.
    pub(crate) fn status_line(&self) -> String {
        format!("{} {}", self.status, self.reason)
            .trim_end()
            .to_owned()
    }

    /// The first header of this name, in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}
