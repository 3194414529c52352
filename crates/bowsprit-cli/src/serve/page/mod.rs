//! The page for people: three files, and the numbers that they show.

use std::sync::Arc;
use std::time::Duration;

use bowsprit::proto::handshake::InvalidRequest;
use bowsprit::{Context, Handle, Handler, Response, SendError};
use serde::Serialize;

use super::environment::split;
use super::house::{Caller, House};
use crate::events::masked_uri;

/// Where the page's numbers come from. No file has such a name.
pub(super) const LIVE: &str = "/.bowsprit/live";

/// The files, their paths and types.
const FILES: [(&str, &str, &str); 3] = [
    ("/", "text/html; charset=utf-8", include_str!("index.html")),
    (
        "/.bowsprit/page.css",
        "text/css; charset=utf-8",
        include_str!("page.css"),
    ),
    (
        "/.bowsprit/page.js",
        "text/javascript; charset=utf-8",
        include_str!("page.js"),
    ),
];

/// What the page may do: load its own files, and connect to its own server.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// How often the numbers come.
const INTERVAL: Duration = Duration::from_secs(1);

/// How many connections are shown.
const MAX_SHOWN: usize = 200;

/// How much of what a client says of itself is shown, in characters.
const MAX_TEXT: usize = 120;

/// The file of the page at this path, if there is one.
pub(super) fn find(path: &str) -> Result<Option<Response>, InvalidRequest> {
    let Some((_, kind, content)) = FILES.into_iter().find(|(known, ..)| *known == path) else {
        return Ok(None);
    };
    let mut response = Response::new(200)?;
    response
        .header("Content-Type", kind)?
        .header("Content-Security-Policy", POLICY)?
        .header("X-Content-Type-Options", "nosniff")?
        .header("Referrer-Policy", "no-referrer")?
        .header("Cache-Control", "no-cache")?
        .body(content);
    Ok(Some(response))
}

/// Sends the numbers to one page as long as it is open.
#[derive(Debug)]
pub(super) struct Watcher {
    house: Arc<House>,
}

impl Watcher {
    pub(super) const fn new(house: Arc<House>) -> Self {
        Self { house }
    }
}

impl Handler for Watcher {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        tokio::spawn(report(Arc::clone(&self.house), cx.handle()));
    }
}

async fn report(house: Arc<House>, handle: Handle) {
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        ticks.tick().await;
        // No number in it is infinite, and no key is not text.
        let numbers = serde_json::to_string(&Numbers::of(&house)).unwrap_or_default();
        match handle.send(numbers) {
            // A page that does not keep up misses some.
            Ok(()) | Err(SendError::Full) => {}
            Err(_) => return,
        }
    }
}

/// What the page shows of the server.
#[derive(Serialize)]
struct Numbers {
    mode: &'static str,
    open: usize,
    seen: u32,
    connections: Vec<Row>,
}

/// What it shows of a connection.
#[derive(Serialize)]
struct Row {
    id: u32,
    peer: String,
    path: String,
    agent: String,
    seconds: u64,
    /// Messages and bytes.
    received: [u64; 2],
    sent: [u64; 2],
}

impl Numbers {
    fn of(house: &House) -> Self {
        let callers = house.callers();
        let mut shown: Vec<&Arc<Caller>> = callers.values().collect();
        shown.sort_unstable_by_key(|caller| caller.id);
        shown.truncate(MAX_SHOWN);
        Self {
            mode: house.mode().name(),
            open: callers.len(),
            seen: house.seen(),
            connections: shown.into_iter().map(|caller| Row::of(caller)).collect(),
        }
    }
}

impl Row {
    fn of(caller: &Caller) -> Self {
        let cut = |text: &str| text.chars().take(MAX_TEXT).collect();
        let info = &caller.info;
        Self {
            id: caller.id,
            peer: info
                .peer()
                .map_or_else(String::new, |peer| peer.to_string()),
            path: cut(&masked_uri(split(info.uri()).1)),
            agent: cut(info.request_header("user-agent").unwrap_or_default()),
            seconds: caller.since.elapsed().as_secs(),
            received: caller.received.get(),
            sent: caller.sent.get(),
        }
    }
}
