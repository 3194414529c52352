//! One connection, as this program knows it, and the handler that writes down what happens to it.

use std::{
    collections::VecDeque,
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bowsprit::{Client, Closed, ConnectError, Context, Handle, Handler, Message, MessageRef};

use crate::{options, show};

/// How many messages a connection remembers. They hold at most 20 times `MAX_MESSAGE` of a server's.
const HISTORY: usize = 20;

/// One connection. Its id is its place in the list.
pub(crate) struct Connection {
    pub(crate) uri: String,
    pub(crate) handle: Handle,
    metadata: Arc<Mutex<Metadata>>,
}

/// What the network tells us, on its thread.
#[derive(Clone)]
pub(crate) struct Metadata {
    pub(crate) status: &'static str,
    pub(crate) server: String,
    pub(crate) reason: String,
    pub(crate) closed: Option<Closed>,
    pub(crate) processed: u64,
    pub(crate) history: VecDeque<(Direction, Message)>,
}

/// Which way a message went, as `show` prints it.
pub(crate) type Direction = &'static str;

impl Connection {
    /// Starts what a line asks for: a URI, and options behind it.
    pub(crate) fn open(client: &Client, line: &str) -> Result<Self, Box<dyn Error>> {
        let mut words = options::words(line).into_iter();
        let uri = words.next().unwrap_or_default();
        let metadata = Arc::new(Mutex::new(Metadata::default()));
        let request = client
            .request(&uri)
            .map_err(|error| format!("invalid uri ({error})"))?;
        let request = options::apply(request, words)?;
        let handle = request.handler(Recorder(metadata.clone())).start();
        Ok(Self {
            uri,
            handle,
            metadata,
        })
    }

    /// What is known of it. Held briefly, or the network waits.
    pub(crate) fn metadata(&self) -> MutexGuard<'_, Metadata> {
        lock(&self.metadata)
    }
}

impl Metadata {
    /// Counts every message and keeps the newest.
    pub(crate) fn record(&mut self, direction: Direction, message: Message) {
        self.processed += 1;
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back((direction, message));
    }
}

impl Default for Metadata {
    fn default() -> Self {
        Self {
            status: "Connecting",
            server: "N/A".to_owned(),
            reason: "N/A".to_owned(),
            closed: None,
            processed: 0,
            history: VecDeque::new(),
        }
    }
}

/// Writes down what happens to one connection.
struct Recorder(Arc<Mutex<Metadata>>);

impl Handler for Recorder {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        let mut metadata = lock(&self.0);
        metadata.status = "Open";
        metadata.server = show::server_name(cx.info().response_header("server"));
    }

    fn on_fail(&mut self, _: &Handle, error: &ConnectError) {
        let response = error.response();
        let mut metadata = lock(&self.0);
        metadata.status = "Failed";
        metadata.server = show::server_name(response.and_then(|head| head.header("server")));
        metadata.reason = error.to_string();
    }

    fn on_message(&mut self, _: &mut Context<'_>, message: MessageRef<'_>) {
        lock(&self.0).record("<<", message.into_message());
    }

    fn on_close(&mut self, _: &mut Context<'_>, closed: &Closed) {
        let mut metadata = lock(&self.0);
        metadata.status = "Closed";
        metadata.reason = show::close_details(closed.remote_code(), closed.remote_reason());
        metadata.closed = Some(closed.clone());
    }
}

/// A handler that panicked has left whole fields behind, which may still be shown.
fn lock(metadata: &Mutex<Metadata>) -> MutexGuard<'_, Metadata> {
    metadata.lock().unwrap_or_else(PoisonError::into_inner)
}
