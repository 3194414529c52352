//! What the help of each form ends with: lines to copy.

/// The form, and its examples.
pub(super) const EXAMPLES: [(&str, &[&str]); 10] = [
    (
        "send",
        &[
            "bowsprit send wss://echo.example '{\"op\":\"ping\"}'",
            "bowsprit send -n 0 @staging 'deploy done'",
        ],
    ),
    (
        "listen",
        &[
            "bowsprit listen -n 5 wss://feed.example/trades",
            "bowsprit listen --json wss://feed.example/trades",
        ],
    ),
    ("ping", &["bowsprit ping -c 5 wss://chat.example"]),
    (
        "check",
        &[
            "bowsprit check wss://chat.example",
            "bowsprit check --json --ca company.pem wss://intranet.example",
        ],
    ),
    (
        "run",
        &[
            "bowsprit run login.bow",
            "bowsprit run --junit report.xml tests.bow",
        ],
    ),
    (
        "serve",
        &[
            "bowsprit serve --chat :9002",
            "bowsprit serve --exec 'wc -l' 127.0.0.1:9002",
        ],
    ),
    (
        "load",
        &["bowsprit load -c 100 --rate 1000/s --duration 30s ws://127.0.0.1:9002"],
    ),
    (
        "replay",
        &["bowsprit replay session.jsonl ws://127.0.0.1:9002"],
    ),
    (
        "completions",
        &["bowsprit completions bash > ~/.local/share/bash-completion/completions/bowsprit"],
    ),
    (
        "man",
        &[
            "bowsprit man | man -l -",
            "bowsprit man --directory ~/.local/share/man/man1",
        ],
    ),
];
