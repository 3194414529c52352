//! The server's side of a record: `replay --serve` answers clients as the recorded server did.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bowsprit::{CloseCode, Config, Deflate, Server, WebSocket};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::ReplayArgs;
use super::compare::Rules;
use super::play::clock::{Clock, Speed};
use super::report::Report;
use super::tapes::Tapes;
use crate::printer::text::{escape, fault, harmless};
use crate::run;
use crate::signals::Signals;

mod choose;
mod perform;

use choose::Choice;
use perform::Performance;

/// How long the clients have to answer the close frame when the program leaves.
const LEAVING: Duration = Duration::from_secs(1);

/// How long to wait when the system gives no descriptor for a client.
const SHORTAGE: Duration = Duration::from_millis(100);

/// What all connections share.
#[derive(Debug)]
struct House {
    tapes: Tapes,
    rules: Rules,
    choice: Choice,
    report: Mutex<Report>,
    speed: Speed,
    longest_pause: Duration,
}

/// Serves the record until a signal, or, with `--once`, until each of its connections was served.
///
/// # Errors
///
/// When it cannot listen.
pub(super) fn serve(
    args: &ReplayArgs,
    tapes: Tapes,
    address: &str,
    report: Report,
) -> Result<u8, String> {
    if args.options.is_given() || !args.map.is_empty() {
        return Err(
            "the options of a connection are for playing a record, not for --serve".to_owned(),
        );
    }
    let house = House {
        rules: Rules::new(&args.ignore, args.strict)?,
        choice: Choice::new(&tapes, &args.connection, args.once)?,
        tapes,
        report: Mutex::new(report),
        speed: args.speed,
        longest_pause: args.longest_pause(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(run::failed)?;
    runtime.block_on(run(Arc::new(house), &complete(address)))
}

/// A port alone is one of this machine only.
fn complete(address: &str) -> String {
    let port = address.strip_prefix(':').unwrap_or(address);
    match port.parse::<u16>() {
        Ok(port) => format!("127.0.0.1:{port}"),
        Err(_) => address.to_owned(),
    }
}

async fn run(house: Arc<House>, address: &str) -> Result<u8, String> {
    let mut signals = Signals::new().map_err(|error| fault(&error))?;
    let failed = |error| format!("cannot listen on {}: {}", escape(address), fault(&error));
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let local = listener.local_addr().map_err(failed)?;
    let name = house.tapes.record.name();
    house.report().serving(&name, &format!("ws://{local}"));
    let (leave, leaving) = watch::channel(false);
    let (done, mut finished) = mpsc::unbounded_channel();
    let mut clients = JoinSet::new();
    let signaled = loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let client = client(Arc::clone(&house), stream, peer, leaving.clone());
                    let done = done.clone();
                    clients.spawn(async move {
                        client.await;
                        // The loop may be over.
                        let _ = done.send(());
                    });
                }
                // Too many descriptors are in use, for example: the next client may fare better.
                Err(_) => tokio::time::sleep(SHORTAGE).await,
            },
            Some(()) = finished.recv() => {
                while clients.try_join_next().is_some() {}
                if house.choice.is_exhausted() && clients.is_empty() {
                    break None;
                }
            }
            signal = signals.recv() => break Some(signal.status()),
        }
    };
    let _ = leave.send(true);
    let ending = async { while clients.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(LEAVING, ending).await;
    let mut report = house.report();
    report.summary();
    Ok(signaled.unwrap_or_else(|| report.status()))
}

/// Serves one client, to the end of its connection.
async fn client(
    house: Arc<House>,
    stream: TcpStream,
    peer: SocketAddr,
    mut leaving: watch::Receiver<bool>,
) {
    // A frame that is sent at its moment must not wait for the one after it.
    let _ = stream.set_nodelay(true);
    let chosen = Arc::new(OnceLock::new());
    let server = match server(&house, &chosen) {
        Ok(server) => server,
        Err(why) => return house.note(&format!("client {peer}: {why}")),
    };
    let accepted = server.accept_on(stream, Some(peer)).await;
    let index = chosen.get().copied();
    match (accepted, index) {
        (Ok(mut socket), Some(index)) => {
            let mut performance = Performance::new(&house, index);
            tokio::select! {
                played = performance.play(&mut socket) => {
                    if let Err(why) = played {
                        house.note(&escape(&why));
                    }
                }
                // The sender lives as long as the loop that spawned this.
                _ = leaving.changed() => close(&mut socket).await,
            }
            performance.conclude(&socket);
        }
        // A refusal is what the record has for this client.
        (Err(_), Some(_)) | (Ok(_), None) => {}
        (Err(error), None) => {
            let why = harmless(&error.to_string()).into_owned();
            house.note(&format!("client {peer}: {why}"));
        }
    }
}

async fn close(socket: &mut WebSocket<TcpStream>) {
    // It may have ended meanwhile.
    let _ = socket.close(CloseCode::GOING_AWAY, "").await;
}

/// A server for one client: its answer comes from the tape that is chosen for the request.
fn server(house: &Arc<House>, chosen: &Arc<OnceLock<usize>>) -> Result<Server, String> {
    let mut config = Config::server();
    config.limits.message = Config::client().limits.message;
    config.deflate = house.choice.is_compressed().then(Deflate::shared);
    let (house, chosen) = (Arc::clone(house), Arc::clone(chosen));
    // The recorded server's name is among the recorded headers.
    let builder = Server::builder()
        .config(config)
        .danger_any_origin()
        .server_header(None)
        .map_err(|error| error.to_string())?;
    let builder = builder.validate(move |request| {
        let (index, answer) = choose::answer(&house, &request);
        if let Some(index) = index {
            // One client makes one request.
            let _ = chosen.set(index);
        }
        std::future::ready(answer)
    });
    Ok(builder.build())
}

impl House {
    fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, line: &str) {
        self.report().note(line);
    }

    fn clock(&self) -> Clock {
        Clock::new(self.speed, self.longest_pause)
    }
}
