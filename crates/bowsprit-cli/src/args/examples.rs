//! What the help of each form ends with: lines to copy.

/// The form, and its examples.
pub(crate) const EXAMPLES: [(&str, &[&str]); 10] = [
    (
        "send",
        &[
            "bowsprit send wss://echo.example '{\"op\":\"ping\"}'",
            "bowsprit send -n 0 @staging 'deploy done'",
            "bowsprit send --timeout 5s wss://echo.example @order.json > answer.json",
        ],
    ),
    (
        "listen",
        &[
            "bowsprit listen -n 5 wss://feed.example/trades",
            "bowsprit listen --json wss://feed.example/trades",
        ],
    ),
    (
        "ping",
        &[
            "bowsprit ping -c 5 wss://chat.example",
            "bowsprit ping -i 200ms --json wss://chat.example | jq 'select(.event == \"pong\").seconds'",
        ],
    ),
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
            "bowsprit run login.bws",
            "bowsprit run --junit report.xml --set host=ws://127.0.0.1:9002 tests.bws",
        ],
    ),
    (
        "serve",
        &[
            "bowsprit serve 8080 --chat --ui",
            "bowsprit serve --exec 'grep --line-buffered x'",
            "bowsprit serve --proxy wss://chat.example -v",
            "bowsprit serve --drop 5% --delay 10ms..200ms",
        ],
    ),
    (
        "load",
        &[
            "bowsprit load -c 100 --rate 1000/s --duration 30s ws://127.0.0.1:9002",
            "bowsprit load --fail-if 'p99>50ms' --html report.html ws://127.0.0.1:9002",
        ],
    ),
    (
        "replay",
        &[
            "bowsprit replay session.jsonl ws://127.0.0.1:9002",
            "bowsprit replay --serve=127.0.0.1:9002 session.jsonl",
            "bowsprit replay --export session.har session.jsonl",
        ],
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
