//! The tables that people wrote, and what in them can be compared with the sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use bowsprit::{Config, KeepAlive};

use super::{page, root};
use crate::status::Status;

/// The rows of all tables of a page, cell by cell.
fn rows(name: &str) -> Vec<Vec<String>> {
    let text = page(name);
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let cells = |line: &str| {
        line.trim_matches('|')
            .split(" | ")
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    rows.map(cells).collect()
}

/// Every setting as the page writes it, with its default.
fn settings(config: &Config) -> [(&'static str, String); 17] {
    let limits = &config.limits;
    let timeouts = &config.timeouts;
    let of_keepalive = |time: fn(KeepAlive) -> Duration| seconds(config.keepalive.map(time));
    [
        ("timeouts.open", seconds(Some(timeouts.open))),
        ("timeouts.close", seconds(Some(timeouts.close))),
        ("timeouts.idle", seconds(timeouts.idle)),
        ("timeouts.write", seconds(timeouts.write)),
        (
            "keepalive.interval",
            of_keepalive(|keepalive| keepalive.interval),
        ),
        (
            "keepalive.timeout",
            of_keepalive(|keepalive| keepalive.timeout),
        ),
        ("limits.message", bytes(limits.message)),
        ("limits.frame", bytes(limits.frame)),
        ("limits.fragments", limits.fragments.to_string()),
        (
            "limits.rate",
            limits
                .rate
                .map_or_else(|| "none".to_owned(), |rate| rate.per_second.to_string()),
        ),
        ("limits.send_high_water", bytes(limits.send_high_water)),
        ("limits.send_low_water", bytes(limits.send_low_water)),
        ("limits.send_buffer", bytes(limits.send_buffer)),
        ("limits.head_line", bytes(limits.head_line)),
        ("limits.head", bytes(limits.head)),
        ("limits.headers", limits.headers.to_string()),
        ("limits.http_body", bytes(limits.http_body)),
    ]
}

fn seconds(time: Option<Duration>) -> String {
    time.map_or_else(
        || "none".to_owned(),
        |time| format!("{} s", time.as_secs_f64()),
    )
}

fn bytes(size: usize) -> String {
    match size {
        usize::MAX => "none".to_owned(),
        size if size % (1 << 20) == 0 => format!("{} MiB", size >> 20),
        size if size % (1 << 10) == 0 => format!("{} KiB", size >> 10),
        size => size.to_string(),
    }
}

#[test]
fn the_defaults_of_limits_and_timers_are_those_of_the_library() {
    let rows = rows("limits-and-timers.md");
    let sides = settings(&Config::client())
        .into_iter()
        .zip(settings(&Config::server()));
    for ((setting, client), (_, server)) in sides {
        let row = rows
            .iter()
            .find(|row| row.get(1) == Some(&format!("`{setting}`")));
        let row = row.unwrap_or_else(|| panic!("{setting} has no row"));
        assert_eq!(row[2..4], [client, server], "{setting}");
    }
    // Each field of the source has its row, a new one too.
    let source = root().join("crates/bowsprit-proto/src/config.rs");
    let source = fs::read_to_string(source).expect("the source");
    for (name, of) in [
        ("Limits", "limits"),
        ("Timeouts", "timeouts"),
        ("KeepAlive", "keepalive"),
    ] {
        let body = source.split(&format!("pub struct {name} {{")).nth(1);
        let body = body
            .and_then(|body| body.split("\n}").next())
            .expect("its fields");
        let fields = body
            .lines()
            .filter_map(|line| line.strip_prefix("    pub "));
        for field in fields.filter_map(|line| line.split(':').next()) {
            let setting = format!("`{of}.{field}`");
            assert!(
                rows.iter().any(|row| row.get(1) == Some(&setting)),
                "{setting} has no row"
            );
        }
    }
}

#[test]
fn each_exit_status_has_its_row() {
    let rows = rows("exit-status.md");
    let told = rows
        .iter()
        .filter_map(|row| row.first()?.parse::<u8>().ok());
    let own = [
        Status::Refused,
        Status::CannotStart,
        Status::NotConnected,
        Status::Tls,
        Status::Handshake,
        Status::Protocol,
        Status::Dropped,
        Status::Closed,
        Status::TimedOut,
    ];
    // A good end, and SIGHUP, SIGINT, SIGTERM.
    let known = own
        .map(|status| status as u8)
        .into_iter()
        .chain([0, 129, 130, 143]);
    assert_eq!(told.collect::<BTreeSet<_>>(), known.collect());
}

/// The files that read the environment, and the variables that the page must have for each.
const READERS: [(&str, &[&str]); 9] = [
    (
        "bowsprit/src/proxy/mod.rs",
        &[
            "ws_proxy",
            "wss_proxy",
            "http_proxy",
            "https_proxy",
            "all_proxy",
            "no_proxy",
            "REQUEST_METHOD",
        ],
    ),
    ("bowsprit-cli/src/console/mod.rs", &["TERM"]),
    ("bowsprit-cli/src/load/progress.rs", &["TERM"]),
    (
        "bowsprit-cli/src/options/display.rs",
        &["NO_COLOR", "CLICOLOR", "TERM"],
    ),
    ("bowsprit-cli/src/options/secret.rs", &["env:NAME"]),
    ("bowsprit-cli/src/options/tls.rs", &["SSLKEYLOGFILE"]),
    ("bowsprit-cli/src/script/load.rs", &["${env:NAME}"]),
    ("bowsprit-cli/src/script/variables.rs", &["${env:NAME}"]),
    ("bowsprit-cli/src/setup/layers.rs", &["BOWSPRIT_…"]),
];

#[test]
fn each_file_that_reads_the_environment_is_known_to_the_page() {
    let page = page("environment.md");
    let crates = root().join("crates");
    let mut found = BTreeSet::new();
    for name in ["bowsprit", "bowsprit-cli", "bowsprit-proto"] {
        find_readers(&crates, &crates.join(name).join("src"), &mut found);
    }
    let known = READERS
        .iter()
        .map(|(file, _)| *file)
        .chain(["bowsprit-cli/src/setup/config.rs"]);
    assert_eq!(found, known.map(str::to_owned).collect());
    let variables = READERS.iter().flat_map(|(_, names)| *names);
    for name in variables.chain([&"BOWSPRIT_CONFIG", &"SSL_CERT_FILE", &"SSL_CERT_DIR"]) {
        assert!(
            page.contains(&format!("`{name}`")),
            "{name} is not in environment.md"
        );
    }
}

fn find_readers(crates: &Path, folder: &Path, found: &mut BTreeSet<String>) {
    let entries = fs::read_dir(folder).expect("the sources");
    for path in entries.map(|entry| entry.expect("a source").path()) {
        if path.is_dir() {
            // The pages' own tests are told what to do by a variable.
            if !path.ends_with("setup/reference") {
                find_readers(crates, &path, found);
            }
            continue;
        }
        let text = fs::read_to_string(&path).unwrap_or_default();
        if text.contains("env::var") {
            let path = path.strip_prefix(crates).expect("a path below the crates");
            found.insert(path.to_string_lossy().replace('\\', "/"));
        }
    }
}
