//! The lines typed before, over sessions: which are kept, where, and what they name.

use std::borrow::Cow;
use std::fs::DirBuilder;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::{BaseStrategy as _, choose_base_strategy};

use crate::command::words;
use crate::events::{is_secret_name, masked_uri};
use crate::options;
use crate::serve::ServeArgs;

/// The most lines that are kept.
pub(super) const MAX_LINES: usize = 1_000;

/// The longest line that is kept: a message of megabytes is not worth a place in a history.
const MAX_LINE: usize = 4_096;

/// Members of JSON that are known to hold it: of a message, other words say nothing.
const SECRET_MEMBERS: [&str; 9] = [
    "token",
    "secret",
    "password",
    "passwd",
    "authorization",
    "api_key",
    "api-key",
    "apikey",
    "credential",
];

/// Words before what nobody else may know, as in a header, and how long that is at least.
const SCHEMES: [&str; 2] = ["bearer ", "basic "];
const MIN_CREDENTIAL: usize = 8;

/// The history file in the user's state directory, if there is one.
pub(super) fn default_file() -> Option<PathBuf> {
    let strategy = choose_base_strategy().ok()?;
    let state = strategy.state_dir().unwrap_or_else(|| strategy.data_dir());
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

/// Whether the line may be kept: not one with a secret in a URI, an option, a variable or a message.
pub(super) fn is_kept(line: &str) -> bool {
    !line.trim().is_empty() && line.len() <= MAX_LINE && !has_secret(line)
}

fn has_secret(line: &str) -> bool {
    // Any other command takes text, in which a hyphen is just that.
    let command = line.split_whitespace().next().unwrap_or_default();
    let served = line.trim_start().strip_prefix("serve ");
    let takes_options = served.is_none()
        && (words::takes_options(command) || !words::names().any(|name| name == command));
    let mut uris = line
        .split([' ', '\'', '"'])
        .filter(|word| word.contains("://"));
    uris.any(|uri| matches!(masked_uri(uri), Cow::Owned(_)))
        || takes_options && options::carries_secret(line)
        || served.is_some_and(ServeArgs::carries_secret)
        || command == "let" && names_secret(line)
        || command == "set" && sets_secret(line)
        || !takes_options && text_has_secret(&line.to_ascii_lowercase())
}

/// Whether an option is set that carries a secret.
fn sets_secret(line: &str) -> bool {
    let rest = line
        .trim_start()
        .split_once(' ')
        .map_or("", |(_, rest)| rest);
    let (name, value) = rest.trim_start().split_once(' ').unwrap_or((rest, ""));
    let option = format!("--{name}");
    let is_option = options::names().iter().any(|(known, _)| *known == option);
    is_option && options::carries_secret(&format!("{option} '{value}'"))
}

/// Whether the first word behind the command is a name for what nobody else may know.
fn names_secret(line: &str) -> bool {
    let rest = line
        .trim_start()
        .split_once(' ')
        .map_or("", |(_, rest)| rest);
    let name = rest
        .trim_start()
        .split([' ', '='])
        .next()
        .unwrap_or_default();
    is_secret_name(name)
}

/// Whether a message logs in: by a member of JSON, or with the words of a header.
fn text_has_secret(text: &str) -> bool {
    let mut quoted = text
        .split('"')
        .skip(1)
        .step_by(2)
        .zip(text.split('"').skip(2).step_by(2));
    let has_member = quoted.any(|(name, behind)| {
        behind.trim_start().starts_with(':')
            && SECRET_MEMBERS.iter().any(|secret| name.contains(secret))
    });
    let has_header = SCHEMES.iter().any(|scheme| {
        text.match_indices(scheme).any(|(at, _)| {
            let credential = text.get(at + scheme.len()..).unwrap_or_default();
            let end = credential.find([' ', '"', '\'']);
            // Where it is to be found says nothing.
            let is_reference = credential.starts_with('@') || credential.starts_with("env:");
            !is_reference && end.unwrap_or(credential.len()) >= MIN_CREDENTIAL
        })
    });
    has_member || has_header
}

/// Every URI that was connected to, each once, in the order of the lines.
pub(super) fn uris(lines: &[String]) -> Vec<&str> {
    let mut uris = Vec::new();
    for line in lines {
        let uri = match line.split_once(' ') {
            Some((command, rest)) if words::takes_uri(command) => rest.split_whitespace().last(),
            _ => None,
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
            "send 0 {\"type\": \"login\", \"accessToken\" : \"abc\"}",
            "send 0 {\"type\":\"connection_init\",\"payload\":{\"Authorization\":\"x\"}}",
            "send 0 AUTH Bearer eyJhbGciOiJIUzI1NiJ9",
            "send 0 {\"a\": \"Basic dXNlcjpwYXNz\"}",
            "let api_key = 17",
            "let PASSWORD=x",
            "set header Authorization: x",
            "set bearer abc",
            "serve --auth me:secret 9002",
            "serve --proxy '--bearer abc wss://b'",
            "serve --aut me:secret",
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
            "send 0 {\"key\": 1, \"text\": \"a token\"}",
            "send 0 a basic test",
            "let user = me",
            "set bearer env:TOKEN",
            "set open-timeout 3s",
            "set view hex",
            "connect --bearer env:TOKEN --insecure wss://b/",
            "serve 9003",
            "serve --chat -u env:LOGIN 9003",
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
