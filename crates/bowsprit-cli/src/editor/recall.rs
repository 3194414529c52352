//! The lines typed before, over sessions: which are kept, where, and what they name.

use std::fs::DirBuilder;
use std::io;
use std::path::{Path, PathBuf};

use crate::command::words;
use crate::options;

/// The most lines that are kept.
pub(super) const MAX_LINES: usize = 1_000;

/// The longest line that is kept: a message of megabytes is not worth a place in a history.
const MAX_LINE: usize = 4_096;

/// Parameters of a URI that are known to hold what nobody else may know.
const SECRETS: [&str; 8] = [
    "token",
    "key",
    "secret",
    "password",
    "passwd",
    "auth",
    "signature",
    "session",
];

/// The history file in the user's state directory, if the environment names one.
pub(super) fn default_file() -> Option<PathBuf> {
    let named = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state =
        named("XDG_STATE_HOME").or_else(|| named("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("bowsprit").join("history"))
}

/// Makes the directory that the file is to lie in, where nobody else may look.
pub(super) fn make_directory(file: &Path) -> io::Result<()> {
    let Some(directory) = file.parent() else {
        return Ok(());
    };
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(directory)
}

/// Whether the line may be kept: not one with a secret in a URI or an option.
pub(super) fn is_kept(line: &str) -> bool {
    !line.trim().is_empty() && line.len() <= MAX_LINE && !has_secret(line)
}

fn has_secret(line: &str) -> bool {
    let mut behind = line.split("://");
    behind.next();
    // Any other command takes text, in which a hyphen is just that.
    let command = line.split_whitespace().next().unwrap_or_default();
    let takes_options =
        matches!(command, "connect" | "open") || !words::names().any(|name| name == command);
    behind.any(uri_has_secret) || takes_options && options::carries_secret(line)
}

/// Whether there is a secret in a URI, of which this is what stands behind its scheme.
fn uri_has_secret(rest: &str) -> bool {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    authority.contains('@')
        || query.split(['&', ';', '#']).any(|parameter| {
            let name = parameter.split('=').next().unwrap_or(parameter);
            let name = name.to_ascii_lowercase();
            SECRETS.iter().any(|secret| name.contains(secret))
        })
}

/// Every URI that was connected to, each once, in the order of the lines.
pub(super) fn uris(lines: &[String]) -> Vec<&str> {
    let mut uris = Vec::new();
    for line in lines {
        let uri = match line.strip_prefix("connect ") {
            // Behind options it is the last word.
            Some(rest) if rest.trim_start().starts_with('-') => rest.split_whitespace().last(),
            rest => rest,
        };
        if let Some(uri) = uri.filter(|uri| !uris.contains(uri)) {
            uris.push(uri);
        }
    }
    uris
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_no_secret_and_nothing_huge() {
        for line in [
            "",
            "  ",
            "connect ws://user:secret@b/",
            "connect wss://user@b?x",
            "connect wss://b/?x=1&access_token=abc",
            "connect wss://b/?API-Key=abc",
            "connect -x http://a:b@proxy wss://b/",
            "connect --bearer abc wss://b/",
            "conect --bearer abc wss://b/",
            "open 3 --bearer abc wss://b/",
            "/connect --bearer abc wss://b/",
        ] {
            assert!(!is_kept(line), "{line}");
        }
        assert!(!is_kept(&"x".repeat(MAX_LINE + 1)));
        for line in [
            "connect ws://a",
            "send 0 me@x",
            "connect ws://a/@x?room=1",
            "send 0 token=1",
            "send 0 --bearer abc",
            "close 0 4000 -u bye",
            "connect --bearer env:TOKEN --insecure wss://b/",
        ] {
            assert!(is_kept(line), "{line}");
        }
    }

    #[test]
    fn names_each_uri_once() {
        let lines = [
            "connect ws://b",
            "show 0",
            "connect ws://a",
            "connect ws://b",
            "connect --no-compress ws://c",
        ];
        assert_eq!(
            uris(&lines.map(str::to_owned)),
            ["ws://b", "ws://a", "ws://c"]
        );
    }
}
