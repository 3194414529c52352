//! The echo server behind `serve`: on a thread of its own, so that a busy prompt does not slow it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use bowsprit::{
    CloseCode, Closed, Config, Context, Deflate, Handle, Handler, Initiator, Message, MessageRef,
    SendError, Server,
};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::sync::oneshot;

use crate::network::Report;

/// How long `stop` waits for the clients' close frames.
const STOP_DEADLINE: Duration = Duration::from_secs(2);

/// An echo server that listens.
#[derive(Debug)]
pub(crate) struct EchoServer {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
}

impl EchoServer {
    /// Listens on this machine only; port 0 takes any that is free.
    ///
    /// # Errors
    ///
    /// When the port cannot be bound.
    pub(crate) fn start(port: u16, events: UnboundedSender<Report>) -> io::Result<Self> {
        let (bound, address) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        thread::Builder::new()
            .name("echo server".to_owned())
            .spawn(move || match bind(port) {
                Ok((runtime, server)) => {
                    // Whoever asked waits for this answer.
                    let _ = bound.send(server.local_addr());
                    let closed = run(runtime, server, stopped);
                    // The session may be gone already.
                    let _ = events.send(Report::Stopped(closed));
                }
                Err(error) => drop(bound.send(Err(error))),
            })?;
        // Binding a local port takes no time, and "serving" must not be said before it is true.
        let address = address.recv().map_err(io::Error::other)??;
        Ok(Self {
            address,
            stop: Some(stop),
        })
    }

    /// The address that it listens on, as a URI.
    pub(crate) fn uri(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// Closes its connections with 1001; [`Report::Stopped`] tells when that is done.
    pub(crate) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // A server that is gone has nothing left to stop.
            let _ = stop.send(());
        }
    }
}

fn bind(port: u16) -> io::Result<(Runtime, Server)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut config = Config::server();
    // What this program can receive, it can have echoed.
    config.limits.message = Config::client().limits.message;
    config.deflate = Some(Deflate::shared());
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let server = runtime.block_on(Server::builder().config(config).bind(address))?;
    Ok((runtime, server))
}

/// Serves until it is told to stop; returns how many connections that closed. The port is free then.
fn run(runtime: Runtime, server: Server, stopped: oneshot::Receiver<()>) -> usize {
    let closed = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&closed);
    let serving = server.serve_handlers(move |_| Echo {
        closed: Arc::clone(&counted),
        backlog: None,
    });
    let stopping = async {
        // A session that is gone stops its server as well.
        let _ = stopped.await;
        server.shutdown(CloseCode::GOING_AWAY, STOP_DEADLINE).await;
    };
    // How serving ended matters to nobody: what it could not accept was told to the client.
    let _ = runtime.block_on(async { tokio::join!(serving, stopping) });
    drop((runtime, server));
    closed.load(Ordering::Relaxed)
}

/// Sends each message back, in order, however slowly the client reads.
#[derive(Debug)]
struct Echo {
    /// How many connections were closed from this side: only a stop does that.
    closed: Arc<AtomicUsize>,
    backlog: Option<Backlog>,
}

/// Messages that wait for room in the queue; reading is paused while there are any.
#[derive(Debug)]
struct Backlog {
    messages: UnboundedSender<Message>,
    waiting: Arc<AtomicUsize>,
}

impl Backlog {
    fn new(handle: Handle) -> Self {
        let (messages, mut queue) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let left = Arc::clone(&waiting);
        tokio::spawn(async move {
            while let Some(message) = queue.recv().await {
                // On a connection that has ended the echo has no addressee.
                let _ = handle.send_wait(message).await;
                if left.fetch_sub(1, Ordering::SeqCst) == 1 {
                    handle.resume_reading();
                }
            }
        });
        Self { messages, waiting }
    }

    fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) == 0
    }

    fn push(&self, message: Message) {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        // The receiver lives as long as this sender.
        let _ = self.messages.send(message);
    }
}

impl Handler for Echo {
    fn on_message(&mut self, cx: &mut Context<'_>, message: MessageRef<'_>) {
        let is_behind = self
            .backlog
            .as_ref()
            .is_some_and(|backlog| !backlog.is_empty());
        // Any other error means that the connection is ending: there is nobody to echo to.
        if is_behind || cx.send(message.clone()) == Err(SendError::Full) {
            cx.pause_reading();
            let backlog = self
                .backlog
                .get_or_insert_with(|| Backlog::new(cx.handle()));
            backlog.push(message.into_message());
        }
    }

    fn on_close(&mut self, _: &mut Context<'_>, closed: &Closed) {
        let is_ours = closed.local_code() == CloseCode::GOING_AWAY
            && closed.initiator == Some(Initiator::Local);
        self.closed
            .fetch_add(usize::from(is_ours), Ordering::Relaxed);
    }
}

/// `bowsprit serve [ADDR]`
#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    address: Option<String>,
}
