//! `load`: what it prints and writes.

use std::fs;
use std::path::PathBuf;

use crate::load_support::{echo, load};
use crate::support::{Peer, Program, run, serve};

fn echo_server() -> String {
    let address = serve(|mut peer: Peer| {
        peer.accept();
        echo(&mut peer);
    });
    format!("ws://{address}")
}

/// A file that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("bowsprit-load-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("UTF-8")
    }

    fn read(&self) -> String {
        fs::read_to_string(&self.0).expect("it was written")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A test that failed may not have written it.
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn people_read_figures_on_standard_output_and_progress_beside_it() {
    let uri = echo_server();
    let outcome = run(
        &["load", "-c", "2", "-d", "1100ms", "--think", "10ms", &uri],
        "",
    );
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("1 s: 2 of 2 open; "),
        "{}",
        outcome.stderr
    );
    for word in [
        "2 opened",
        "latency      p50 ",
        "p99 ",
        "errors       none",
        "this side    ",
        "█",
    ] {
        assert!(outcome.stdout.contains(word), "{word}: {}", outcome.stdout);
    }
    let quiet = load(&["-c", "1", "-n", "5"], &uri);
    assert_eq!(quiet.stderr, "");
    let few = &quiet.stdout;
    assert!(few.contains("p75 ") && few.contains("max "), "{few}");
    // Of five samples they would be the greatest one under other names.
    assert!(!few.contains("p90 ") && !few.contains("p99"), "{few}");
}

#[test]
fn files_get_the_figures_and_the_page_needs_nothing_else() {
    let (json, csv, html) = (
        Scratch::new("a.json"),
        Scratch::new("a.csv"),
        Scratch::new("a.html"),
    );
    let uri = format!("{}/?token=secret", echo_server());
    let message = "<script>alert(1)</script>";
    let options = [
        "-d",
        "1200ms",
        "--think",
        "5ms",
        "--message",
        message,
        "--fail-if",
        "p99>60s",
        "--json",
        json.path(),
        "--csv",
        csv.path(),
        "--html",
        html.path(),
    ];
    let outcome = load(&options, &uri);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    let value: serde_json::Value = serde_json::from_str(&json.read()).expect("JSON");
    assert_eq!(value["format"], 1);
    assert_eq!(value["thresholds"][0]["is_missed"], false);
    assert_eq!(value["series"].as_array().map(Vec::len), Some(2));
    let csv = csv.read();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 3);
    let columns = |line: &str| line.split(',').count();
    assert!(
        lines.iter().all(|line| columns(line) == columns(lines[0])),
        "{csv}"
    );
    let html = html.read();
    assert_eq!(html.matches("<svg").count(), 3);
    for foreign in ["http://", "https://", "<script", "secret", "src=", "href="] {
        assert!(!html.contains(foreign), "{foreign}");
    }
    assert!(!json_text(&value).contains("secret"));
}

fn json_text(value: &serde_json::Value) -> String {
    value.to_string()
}

#[test]
fn a_file_that_cannot_be_written_is_named_and_takes_no_other_result_along() {
    let outcome = load(
        &["-n", "1", "--html", "/nowhere/x.html", "--json", "-"],
        &echo_server(),
    );
    assert_eq!(outcome.status, Some(1));
    assert!(outcome.stdout.starts_with("{\n"), "{}", outcome.stdout);
    assert!(
        outcome.stderr.contains("cannot write /nowhere/x.html: "),
        "{}",
        outcome.stderr
    );
}

#[test]
fn an_interrupt_ends_early_with_the_report() {
    let uri = echo_server();
    let mut program = Program::start(&["load", "--think", "10ms", "-d", "1h", &uri]);
    // The first second is told: it is running.
    program.read_error_until("1 s: ");
    program.signal("INT");
    let outcome = program.wait();
    assert_eq!(outcome.status, Some(130), "{}", outcome.stderr);
    assert!(
        outcome.stdout.contains("ended early, by a signal"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.contains("latency      p50"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn the_password_of_a_uri_is_never_shown() {
    let address = echo_server();
    let uri = address.replace("ws://", "ws://me:hidden@");
    let outcome = run(&["load", "-n", "1", &uri], "");
    assert!(
        !outcome.stdout.contains("hidden") && !outcome.stderr.contains("hidden"),
        "{outcome:?}"
    );
}
