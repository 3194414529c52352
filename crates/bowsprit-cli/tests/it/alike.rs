//! Every command works alike piped in, read from a file, and given on the command line; how it is typed is
//! looked at in `interop/alike_sessions.py`, with the same table.

use regex::Regex;

use crate::recording::Folder;
use crate::support::{Outcome, run};

/// Each command, its lines, and what they print.
const TABLE: &str = include_str!("alike.txt");

const BEFORE: &str = "serve 0\nconnect --name chat ${server}\nwait chat open\n";

struct Row {
    command: &'static str,
    lines: Vec<&'static str>,
    printed: Vec<&'static str>,
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for text in TABLE.split("\n== ").skip(1) {
        let (lines, printed) = text.split_once("\n--\n").expect("two parts");
        let mut lines = lines.lines();
        rows.push(Row {
            command: lines.next().expect("a command"),
            lines: lines.collect(),
            printed: printed.lines().filter(|line| !line.is_empty()).collect(),
        });
    }
    rows
}

/// The lines without what is another each time: numbers, and how blanks are laid out.
fn plain(outcome: &Outcome, folder: &str) -> Vec<String> {
    let numbers = Regex::new(r"\d[\d.]*").expect("an expression");
    let lines = outcome.stdout.lines().map(|line| {
        let line = line.replace(folder, "DIR");
        let line = numbers.replace_all(&line, "#");
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    });
    // Only `run` tells which tests passed.
    let told = Regex::new(r"^> .*: passed \(").expect("an expression");
    lines.filter(|line| !told.is_match(line)).collect()
}

/// Carries the lines out in a way of its own, with a folder of its own.
fn carried_out(row: &Row, carry_out: impl Fn(&Folder, &str) -> Outcome) -> Vec<String> {
    let folder = Folder::new();
    folder.write("included.bws", "echo included\n");
    let path = folder.file("");
    let path = path.trim_end_matches('/');
    let script = format!("{BEFORE}{}\n", row.lines.join("\n")).replace("DIR", path);
    let outcome = carry_out(&folder, &script);
    assert_eq!(outcome.status, Some(0), "{}: {outcome:?}", row.command);
    let printed = plain(&outcome, path);
    let mut rest = printed.iter();
    for line in &row.printed {
        assert!(
            rest.any(|printed| printed == line),
            "{}: {line:?} is not in its place in {printed:#?}",
            row.command
        );
    }
    // Two connections may end in any order.
    let mut sorted = printed;
    sorted.sort();
    sorted
}

#[test]
fn the_table_has_every_command() {
    let outcome = run(&["run", "-e", "help"], "");
    let mut known: Vec<&str> = Vec::new();
    let mut lines = outcome
        .stdout
        .lines()
        .skip_while(|line| *line != "Command List:");
    for line in lines.by_ref().skip(1).take_while(|line| !line.is_empty()) {
        match line.split_once(": ") {
            Some((_, names)) if names.contains(", ") && !line.contains('<') => {
                known.extend(names.split(", "));
            }
            _ => known.extend(line.split([' ', ':']).next()),
        }
    }
    known.retain(|name| *name != "quit!");
    known.dedup();
    let mut listed: Vec<&str> = rows().iter().map(|row| row.command).collect();
    known.sort_unstable();
    listed.sort_unstable();
    assert_eq!(known, listed);
}

#[test]
fn every_command_works_alike_piped_in_from_a_file_and_on_the_command_line() {
    for row in rows() {
        let piped = carried_out(&row, |_, script| run(&[], script));
        let from_file = carried_out(&row, |folder, script| {
            let file = folder.write("lines.bws", script);
            run(&["run", &file], "")
        });
        let given = carried_out(&row, |_, script| {
            let lines = script.lines().flat_map(|line| ["-e", line]);
            run(&[&["run"], &*lines.collect::<Vec<_>>()].concat(), "")
        });
        assert_eq!(piped, from_file, "{}", row.command);
        assert_eq!(piped, given, "{}", row.command);
    }
}

#[test]
fn a_message_of_several_lines_is_alike_wherever_it_stands() {
    let lines = "let word = mast\nsend chat \"\"\"\n  # ${word}\n    indented\n  \"\"\"\nexpect chat text \"\"\"\n# mast\n  indented\n\"\"\"\n\
                 send chat --json {\"a\":\n  \"${word}\"}\nexpect chat json $.a = mast\nassert message matches ^\\{\"a\":\\n  \"mast\"\\}$\n\
                 use chat\n\"\"\"\n/${word}\n\"\"\"\n/expect chat \"\"\"\ntext /$${word}\n\"\"\"\n/send chat \"\"\"\n--${word}\n\"\"\"\n/expect chat text --mast\n/use\n\
                 repeat 1\nuse chat\n\"\"\"\n\"\"\"\n/expect chat text\n/send chat --json {\n}\n/expect chat json $ = {}\n/use none\nend";
    let row = Row {
        command: "several lines",
        lines: lines.lines().collect(),
        printed: vec!["# (chat) << text # # mast\\n indented"],
    };
    let piped = carried_out(&row, |_, script| run(&[], script));
    let from_file = carried_out(&row, |folder, script| {
        let file = folder.write("lines.bws", script);
        run(&["run", &file], "")
    });
    assert_eq!(piped, from_file);
}
