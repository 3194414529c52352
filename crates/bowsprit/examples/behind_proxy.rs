//! A server as it stands behind nginx or haproxy: a health check, the client's own address, compression and
//! limits, and a shutdown on SIGTERM that the proxy sees coming.
//!
//! ```console
//! $ cargo run -p bowsprit --example behind_proxy -- 127.0.0.1:9002
//! ws://127.0.0.1:9002
//! ```
//!
//! It echoes. On `/whoami` it tells the client's address and the host that was asked for, and closes. A second
//! argument is the time in seconds for which it goes on serving after SIGTERM, by default 10.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what the service manager writes down"
)]

use std::{
    env,
    error::Error,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bowsprit::{CloseCode, Config, ConnectionInfo, Deflate, Rate, Response, Server, WebSocket};

/// The proxies. What anybody else says about a client's address is not believed.
const PROXIES: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// How long clients have to answer the close frame. The service manager has to wait longer.
const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let address = arguments.next();
    let address = address.as_deref().unwrap_or("127.0.0.1:9002");
    let drain = Duration::from_secs(arguments.next().map_or(Ok(10), |text| text.parse())?);

    let is_leaving = Arc::new(AtomicBool::new(false));
    let server = server(address, is_leaving.clone()).await?;
    println!("ws://{}", server.local_addr()?);
    let mut serving = tokio::spawn({
        let server = server.clone();
        async move { server.serve(talk).await }
    });
    tokio::select! {
        ended = &mut serving => return Ok(ended??),
        asked = asked_to_end() => asked?,
    }
    // The health check fails from now on, so that the proxy brings nobody any more. Who comes is still served.
    is_leaving.store(true, Ordering::Relaxed);
    tokio::time::sleep(drain).await;
    let cut = server.shutdown(CloseCode::GOING_AWAY, PATIENCE).await;
    eprintln!("{cut} connections had to be cut");
    Ok(())
}

async fn server(address: &str, is_leaving: Arc<AtomicBool>) -> Result<Server, Box<dyn Error>> {
    let mut config = Config::server();
    config.deflate = Some(Deflate::default());
    config.limits.rate = Some(Rate {
        per_second: 200,
        burst: 1000,
    });
    let server = Server::builder()
        .config(config)
        .subprotocols(["chat.v1"])?
        .max_connections(20_000)
        .http(move |request| {
            let answer = match request.path() {
                "/healthz" if is_leaving.load(Ordering::Relaxed) => Response::plain(503),
                "/healthz" => Response::plain(200),
                _ => Response::plain(404),
            };
            async { answer.unwrap_or_else(Response::from) }
        })
        .bind(address)
        .await?;
    Ok(server)
}

async fn talk(mut ws: WebSocket) -> Result<(), bowsprit::Error> {
    let client = client(ws.info());
    eprintln!("{client} open");
    if ws.info().uri().ends_with("/whoami") {
        let line = format!("{client} {}", ws.info().uri());
        ws.send(line).await?;
        ws.close(CloseCode::NORMAL, "that is all").await?;
    }
    while let Some(message) = ws.recv().await? {
        ws.feed(message).await?;
    }
    Ok(())
}

/// The client's own address: the last one in `X-Forwarded-For` that is not one of our proxies. Those in front of
/// it are what the client or somebody on its way says.
fn client(info: &ConnectionInfo) -> IpAddr {
    let mut client = info
        .peer()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
    // The header may come in several lines, each with several addresses: they are one list (RFC 9110 §5.3).
    let lines: Vec<&str> = info
        .headers()
        .filter(|(name, _)| name.eq_ignore_ascii_case("X-Forwarded-For"))
        .map(|(_, value)| value)
        .collect();
    let addresses = lines.iter().flat_map(|line| line.split(',')).rev();
    for text in addresses {
        if !PROXIES.contains(&client.to_canonical()) {
            break;
        }
        match text.trim().parse() {
            Ok(address) => client = address,
            Err(_) => break,
        }
    }
    client
}

/// Waits for SIGTERM, by which service managers and containers ask for the end, or Ctrl-C.
#[cfg(unix)]
async fn asked_to_end() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        pressed = tokio::signal::ctrl_c() => pressed,
    }
}

#[cfg(not(unix))]
async fn asked_to_end() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
