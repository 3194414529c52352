//! What the word before the cursor can become: commands, ids, URIs, close codes, file names.
//!
//! What may stand where is read from the usages of the commands, so that each new one is completed.

use std::fs;

use crate::command::{STATES, codes, view, words};
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
    let Some(command) = words.next() else {
        return (start, words::names().map(blank).collect());
    };
    let before: Vec<&str> = words.collect();
    if let Some(path) = word.strip_prefix('@') {
        let mut files = files(path);
        files.iter_mut().for_each(|file| file.word.insert(0, '@'));
        return (start, files);
    }
    let mut all = match (command, before.as_slice()) {
        ("list", []) => STATES.map(blank).into(),
        ("help", []) => words::names().map(blank).collect(),
        ("set", [name]) => view::values_of(name).into_iter().map(blank).collect(),
        ("set", []) => {
            let options = options::names().into_iter();
            let options = options
                .map(|(name, help)| Candidate::new(name.trim_start_matches('-'), &help, " "));
            view::SETTINGS
                .map(blank)
                .into_iter()
                .chain(options)
                .collect()
        }
        (_, [.., option]) if words::takes_options(command) && options::takes_file(option) => {
            files(word)
        }
        _ => Vec::new(),
    };
    if words::takes_options(command) && word.starts_with('-') {
        return (start, options());
    }
    for usage in words::usages(command) {
        let usage = arguments(usage);
        let place = usage.iter().position(|argument| is_path(argument));
        if let Some(place) = place.filter(|place| *place <= before.len())
            && agree(&usage, before.get(..place).unwrap_or_default())
        {
            // The path is all that follows, blanks too.
            let start = start_of(text, place + 1);
            return (start, files(text.get(start..).unwrap_or_default()));
        }
        if agree(&usage, &before) {
            let next = usage.iter().skip(before.len());
            // What may be left out may be followed at once by what is next.
            let last = next.clone().position(|argument| !argument.starts_with('['));
            let next = next.take(last.map_or(usize::MAX, |last| last + 1));
            next.for_each(|argument| all.extend(argument_candidates(argument, word, names)));
        }
    }
    if words::takes_options(command) && before.iter().all(|word| word.starts_with('-')) {
        all.extend(argument_candidates("<ws uri>", word, names));
    }
    let mut seen = Vec::new();
    all.retain(|candidate| {
        let is_new = !seen.contains(&candidate.word);
        seen.push(candidate.word.clone());
        is_new
    });
    (start, all)
}

/// What may follow a line that ends in a blank: the rest of the first usage that it agrees with.
pub(super) fn rest_of_usage(line: &str) -> Option<String> {
    let mut words = line.strip_suffix(' ')?.split(' ');
    let command = words.next()?;
    let words: Vec<&str> = words.collect();
    let mut usages = words::usages(command).iter().map(|usage| arguments(usage));
    let usage = usages.find(|usage| agree(usage, &words))?;
    Some(usage.get(words.len()..)?.join(" "))
}

/// The arguments in a usage: `<...>` and `[...]` each are one, and may have blanks in them.
fn arguments(usage: &str) -> Vec<&str> {
    let (usage, _) = usage.split_once(": ").unwrap_or((usage, ""));
    let mut depth = 0_u32;
    let arguments = usage.split(move |c| {
        match c {
            '<' | '[' => depth += 1,
            '>' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ' ' && depth == 0
    });
    arguments.skip(1).collect()
}

/// Whether the words can be the first arguments of the usage: they differ in no fixed word.
fn agree(usage: &[&str], words: &[&str]) -> bool {
    let is_fixed = |argument: &str| !argument.contains(['<', '[']);
    words.len() < usage.len()
        && usage.iter().zip(words).all(|(argument, word)| {
            !is_fixed(argument) || argument.split('|').any(|choice| choice == *word)
        })
}

/// What can stand for an argument.
fn argument_candidates(argument: &str, word: &str, names: &Names<'_>) -> Vec<Candidate> {
    let argument = argument.trim_matches(['[', ']']);
    if argument.starts_with("<connection id") {
        let ids = names
            .ids
            .iter()
            .map(|(id, uri)| Candidate::new(id, uri, " "));
        let all = Candidate::new("all", "every open connection", " ");
        return ids.chain([all]).collect();
    }
    if argument.contains("uri>") {
        // A blank would become part of the URI.
        let uris = names.uris.iter();
        return uris.map(|uri| Candidate::new(*uri, "", "")).collect();
    }
    if argument.starts_with("<close code") {
        return close_codes();
    }
    let fixed = argument
        .split('|')
        .filter(|choice| !choice.contains(['<', '>', '/']));
    // Of text that may begin with an option, options are only meant where a hyphen is typed.
    let fixed = fixed.filter(|choice| !choice.starts_with('-') || word.starts_with('-'));
    fixed.map(blank).collect()
}

fn is_path(argument: &str) -> bool {
    let argument = argument.trim_matches(['[', ']']).to_ascii_lowercase();
    argument.starts_with("<file") || argument.starts_with("<path")
}

/// Where the word with this number begins.
fn start_of(text: &str, number: usize) -> usize {
    let mut start = 0;
    for _ in 0..number {
        let rest = text.get(start..).unwrap_or_default();
        let word = rest.len() - rest.trim_start_matches(' ').len();
        let blank = rest.get(word..).and_then(|rest| rest.find(' '));
        start += blank.map_or(rest.len(), |blank| word + blank + 1);
    }
    start
}

fn blank(word: impl Into<String>) -> Candidate {
    Candidate::new(word, "", " ")
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
            ("mute a", "mute all "),
            ("filter 0 n", "filter 0 not "),
            ("message 0 b", "message 0 base64 "),
            ("message 0 17 r", "message 0 17 raw "),
            ("set tim", "set timestamps "),
            ("set timestamps r", "set timestamps relative "),
            (
                "connect --insecure ws://localhost/",
                "connect --insecure ws://localhost/chat",
            ),
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
    fn reads_the_arguments_of_a_usage() {
        assert_eq!(
            arguments("close <connection id> [<close code:default=1000>] [<close reason>]: Ends"),
            [
                "<connection id>",
                "[<close code:default=1000>]",
                "[<close reason>]"
            ]
        );
        for (line, rest) in [
            ("send ", Some("<connection id> <message>")),
            ("send 0 ", Some("<message>")),
            ("send 0", None),
            ("send 0 a ", None),
            ("wait 0 ", Some("open|message|close [<time:default=10s>]")),
            ("close 0 1000 ", Some("[<close reason>]")),
            ("nothing ", None),
            ("list ", None),
            (" ", None),
        ] {
            assert_eq!(rest_of_usage(line).as_deref(), rest, "{line}");
        }
        assert_eq!(start_of("send 0  --file a b", 3), 15);
        assert_eq!(start_of("send", 3), 4);
    }

    #[test]
    fn shows_the_choices_where_nothing_more_is_certain() {
        for (text, choices) in [
            ("se", &["send", "serve", "set"][..]),
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
        let begin = format!("send 0 @{}/.", directory.display());
        assert_eq!(
            completed(&begin),
            Some((format!("{begin}hidden"), Vec::new()))
        );
        let begin = format!("connect --ca {}/.", directory.display());
        assert_eq!(
            completed(&begin),
            Some((format!("{begin}hidden"), Vec::new()))
        );
        fs::remove_dir_all(directory).expect("what was made here");
    }
}
