//! Holds the list of methods against the source: a new one without a case fails here.

use std::{fs, path::Path};

use super::{Case, endpoints, halves, websocket};

/// The public methods that are awaited, as the source declares them: file, name, and whether the
/// documentation has a section on cancelling.
fn declared(folder: &Path, below: &str, found: &mut Vec<(String, String, bool)>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("a name of text");
        let here = format!("{below}{name}");
        if entry.file_type().expect("a type").is_dir() {
            declared(&entry.path(), &format!("{here}/"), found);
        } else {
            let text = fs::read_to_string(entry.path()).expect("a source");
            of_file(&text, &here, found);
        }
    }
}

fn of_file(text: &str, file: &str, found: &mut Vec<(String, String, bool)>) {
    let mut has_section = false;
    let mut lines = text.lines().map(str::trim_start).peekable();
    while let Some(line) = lines.next() {
        has_section |= line.starts_with("/// # Cancel safety");
        let awaited = if let Some(rest) = line.strip_prefix("pub async fn ") {
            Some(rest)
        } else if let Some(rest) = line.strip_prefix("pub fn ") {
            // What the function returns stands at the end of its head, maybe some lines later.
            let mut head = line.to_owned();
            while !head.ends_with('{') && !head.ends_with(';') {
                head += lines.next().expect("the rest of a head");
            }
            head.contains("-> impl Future").then_some(rest)
        } else {
            None
        };
        if let Some(rest) = awaited {
            let name = rest.split(['(', '<']).next().expect("a name");
            found.push((file.to_owned(), name.to_owned(), has_section));
        }
        for (of, name) in [
            ("MessageStream for ", "Stream"),
            ("Sink<Message> for ", "Sink"),
        ] {
            if line.starts_with("impl<") && line.contains(of) {
                // The traits are not ours to document.
                found.push((file.to_owned(), name.to_owned(), true));
            }
        }
        if !line.starts_with("///") && !line.starts_with("#[") {
            has_section = false;
        }
    }
}

#[test]
fn every_asynchronous_method_has_a_case_and_says_what_cancelling_does() {
    let mut found = Vec::new();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    declared(&source, "", &mut found);
    let undocumented: Vec<_> = found.iter().filter(|(_, _, told)| !told).collect();
    assert!(
        undocumented.is_empty(),
        "no `# Cancel safety`: {undocumented:?}"
    );
    let mut declared: Vec<_> = found
        .into_iter()
        .map(|(file, name, _)| (file, name))
        .collect();
    declared.sort();
    let all = [websocket::cases(), halves::cases(), endpoints::cases()];
    let tried = all.into_iter().flatten();
    let mut tried: Vec<_> = tried
        .map(|Case { file, name, .. }| (file.to_owned(), name.to_owned()))
        .collect();
    tried.sort();
    tried.dedup();
    declared.dedup();
    assert_eq!(declared, tried);
}
