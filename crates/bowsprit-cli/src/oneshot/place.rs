//! URIs as they are told.

use bowsprit::proto::Uri;

use crate::printer::text::escape;

/// The URI for messages, escaped. Its query is left out: tokens are passed in it.
pub(crate) fn told(uri: &str) -> String {
    let uri = Uri::parse(uri).map_or_else(|_| uri.to_owned(), |uri| uri.to_string());
    match uri.split_once('?') {
        Some((place, _)) => format!("{}?…", escape(place)),
        None => escape(&uri).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_no_query() {
        assert_eq!(told("ws://h?token=x"), "ws://h/?…");
        assert_eq!(told("ws://127.0.0.1:1"), "ws://127.0.0.1:1/");
    }
}
