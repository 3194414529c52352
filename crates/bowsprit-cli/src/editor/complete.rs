//! What the word before the cursor can become: commands, ids, URIs, close codes, file names.

use std::fs;

use crate::command::{STATES, codes, words};
use crate::options;

/// What can be named in a line.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    /// Each connection's id and URI.
    pub(super) ids: &'a [(String, String)],
    /// URIs used before, the latest first.
    pub(super) uris: Vec<&'a str>,
}

/// How a line goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Completion {
    /// Where the word begins.
    pub(super) start: usize,
    /// The word, as far as it is certain.
    pub(super) word: String,
    /// The words to choose from where nothing more is certain, each with what it means.
    pub(super) choices: Vec<String>,
}

/// A word that fits.
#[derive(Debug, PartialEq, Eq)]
struct Candidate {
    word: String,
    /// What it means, shown where several fit.
    hint: String,
    /// What follows the word if it is the only one.
    end: &'static str,
}

impl Candidate {
    fn new(word: impl Into<String>, hint: &str, end: &'static str) -> Self {
        Self {
            word: word.into(),
            hint: hint.to_owned(),
            end,
        }
    }
}

/// How the last word of `text` can go on, if anything fits.
pub(super) fn complete(text: &str, names: &Names<'_>) -> Option<Completion> {
    let (start, candidates) = candidates(text, names);
    let typed = text.get(start..)?;
    let fitting: Vec<_> = candidates
        .into_iter()
        .filter(|candidate| candidate.word.starts_with(typed))
        .collect();
    let mut word = common_beginning(&fitting).to_owned();
    let mut choices = Vec::new();
    match fitting.as_slice() {
        [] => return None,
        [only] => word.push_str(only.end),
        several if word == typed => choices.extend(several.iter().map(|choice| {
            format!("{}  {}", choice.word, choice.hint)
                .trim_end()
                .to_owned()
        })),
        _ => {}
    }
    Some(Completion {
        start,
        word,
        choices,
    })
}

/// Where the last word begins, and all words that could stand there.
fn candidates(text: &str, names: &Names<'_>) -> (usize, Vec<Candidate>) {
    let start = text.rfind(' ').map_or(0, |at| at + 1);
    let (head, word) = text.split_at(start);
    let mut words = head.split_ascii_whitespace();
    let (command, id, third) = (words.next(), words.next(), words.next());
    let blank = |word: &str| Candidate::new(word, "", " ");
    let all = match (command, id, third) {
        (None, ..) => words::names().map(blank).collect(),
        (Some("connect"), ..) if word.starts_with('-') => options(),
        // A blank would become part of the URI.
        (Some("connect"), ..) if may_be_uri(id) => {
            let uris = names.uris.iter();
            uris.map(|uri| Candidate::new(*uri, "", "")).collect()
        }
        (
            Some(
                "send" | "close" | "show" | "ping" | "wait" | "use" | "reconnect" | "stats"
                | "history" | "save",
            ),
            None,
            _,
        ) => {
            let ids = names.ids.iter();
            ids.map(|(id, uri)| Candidate::new(id, uri, " ")).collect()
        }
        (Some("close"), Some(_), None) => close_codes(),
        (Some("list"), None, _) => STATES.map(blank).into(),
        (Some("help"), None, _) => words::names().map(blank).collect(),
        (Some("wait"), Some(_), None) => ["open", "message", "close"].map(blank).into(),
        (Some("send"), Some(_), None) if word.starts_with('-') => {
            ["--hex", "--base64", "--binary", "--json", "--file"]
                .map(blank)
                .into()
        }
        (Some("send"), Some(_), None) if word.starts_with('@') => {
            return (start + 1, files(word.get(1..).unwrap_or_default()));
        }
        (Some("send"), Some(_), Some("--file")) => {
            // The path is all that follows, blanks too.
            let start = text.find("--file ").map_or(start, |at| at + 7);
            return (start, files(text.get(start..).unwrap_or_default()));
        }
        _ => Vec::new(),
    };
    (start, all)
}

/// Whether a URI may stand behind `connect` and this word: an option, or nothing.
fn may_be_uri(first: Option<&str>) -> bool {
    first.is_none_or(|word| word.starts_with('-'))
}

/// The codes that have a name and may be sent, as numbers and as words.
fn close_codes() -> Vec<Candidate> {
    let numbers =
        codes::words().map(|(_, code)| Candidate::new(code.0.to_string(), code.text(), " "));
    let words = codes::words().map(|(word, code)| Candidate::new(word, &code.0.to_string(), " "));
    numbers.chain(words).collect()
}

/// The options of `connect`.
fn options() -> Vec<Candidate> {
    let names = options::names().into_iter();
    names
        .map(|(name, help)| Candidate::new(name, &help, " "))
        .collect()
}

/// The files and directories beside what the path names so far.
fn files(path: &str) -> Vec<Candidate> {
    let (directory, name) = path.split_at(path.rfind('/').map_or(0, |at| at + 1));
    let read = fs::read_dir(if directory.is_empty() { "." } else { directory });
    let mut files: Vec<_> = read
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let file = entry.file_name().into_string().ok()?;
            // Hidden ones are meant only if the dot is typed.
            let is_meant = name.starts_with('.') || !file.starts_with('.');
            let is_directory = entry.path().is_dir();
            let slash = if is_directory { "/" } else { "" };
            is_meant.then(|| Candidate::new(format!("{directory}{file}{slash}"), "", ""))
        })
        .collect();
    files.sort_by(|a, b| a.word.cmp(&b.word));
    files
}

/// How far all candidates agree.
fn common_beginning(candidates: &[Candidate]) -> &str {
    let Some((first, rest)) = candidates.split_first() else {
        return "";
    };
    let agrees = |end: &usize| {
        first.word.get(..*end).is_some_and(|head| {
            rest.iter()
                .all(|candidate| candidate.word.starts_with(head))
        })
    };
    let end = (0..=first.word.len()).rev().find(agrees).unwrap_or(0);
    first.word.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [(&str, &str); 3] = [("0", "ws://a"), ("1", "ws://b"), ("10", "ws://c")];

    fn completed(text: &str) -> Option<(String, Vec<String>)> {
        let ids = IDS.map(|(id, uri)| (id.to_owned(), uri.to_owned()));
        let names = Names {
            ids: &ids,
            uris: vec!["ws://localhost:9002", "ws://localhost/chat"],
        };
        let completion = complete(text, &names)?;
        let line = format!("{}{}", &text[..completion.start], completion.word);
        Some((line, completion.choices))
    }

    #[test]
    fn completes_commands_ids_uris_and_codes() {
        for (text, line) in [
            ("co", "connect "),
            ("show 10", "show 10 "),
            ("connect ws://l", "connect ws://localhost"),
            ("connect ws://localhost:", "connect ws://localhost:9002"),
            ("wait 0 m", "wait 0 message "),
            ("send 0 --h", "send 0 --hex "),
            ("history 10", "history 10 "),
            ("list op", "list open "),
            ("close 0 1001", "close 0 1001 "),
            ("close 0 go", "close 0 going-away "),
            ("help sh", "help show "),
            ("connect --ins", "connect --insecure "),
            ("connect --insecure --he", "connect --insecure --header "),
            (
                "connect --insecure ws://localhost:",
                "connect --insecure ws://localhost:9002",
            ),
        ] {
            assert_eq!(
                completed(text),
                Some((line.to_owned(), Vec::new())),
                "{text}"
            );
        }
        for text in [
            "send 0 h",
            "nothing 0",
            "connect http",
            "close 0 1006",
            "close 0 1000 ",
        ] {
            assert_eq!(completed(text), None, "{text}");
        }
    }

    #[test]
    fn shows_the_choices_where_nothing_more_is_certain() {
        for (text, choices) in [
            ("se", &["send", "serve"][..]),
            ("show 1", &["1  ws://b", "10  ws://c"]),
            (
                "close 0 300",
                &[
                    "3000  Generic subprotocol error",
                    "3001  Invalid subprotocol data",
                    "3003  Forbidden",
                    "3008  Timeout",
                ],
            ),
        ] {
            let choices = choices.iter().map(|choice| (*choice).to_owned()).collect();
            assert_eq!(completed(text), Some((text.to_owned(), choices)));
        }
    }

    #[test]
    fn completes_the_names_of_files_with_blanks_in_them() {
        let directory = std::env::temp_dir().join(format!("bowsprit-files-{}", std::process::id()));
        fs::create_dir_all(directory.join("two words")).expect("a temporary directory");
        fs::write(directory.join("two words").join("日本.bin"), "").expect("a temporary file");
        fs::write(directory.join(".hidden"), "").expect("a temporary file");
        for begin in ["send 0 --file ", "send 0 @"] {
            let begin = format!("{begin}{}/", directory.display());
            for (typed, line) in [("", "two words/"), (".h", ".hidden")] {
                let line = format!("{begin}{line}");
                assert_eq!(
                    completed(&format!("{begin}{typed}")),
                    Some((line, Vec::new()))
                );
            }
        }
        let begin = format!("send 0 --file {}/two words/", directory.display());
        assert_eq!(
            completed(&begin),
            Some((format!("{begin}日本.bin"), Vec::new()))
        );
        assert_eq!(completed("send 0 --file /nowhere/at/all"), None);
        fs::remove_dir_all(directory).expect("what was made here");
    }
}
