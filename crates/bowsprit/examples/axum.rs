//! An application of axum with WebSockets: a page, a health check, an echo, and a chat for those who know
//! the password. Ctrl-C shuts all of it down gracefully.
//!
//! ```console
//! $ cargo run -p bowsprit --example axum
//! http://127.0.0.1:9003/
//! ```

#![expect(clippy::print_stdout, reason = "an example talks")]

use std::{error::Error, net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::{any, get},
    serve::ListenerExt,
};
use bowsprit::{CloseCode, Hub, InvalidRequest, Message, Server, SlowReader, Upgrade, WebSocket};
use hyper_util::rt::TokioIo;
use ring::digest::{SHA256, digest};
use tokio::net::TcpListener;

const PAGE: &str = "<!doctype html><title>Harbour</title>\n\
    <pre id=log></pre><input autofocus placeholder='say something'>\n\
    <script>\n\
    document.cookie = 'token=ahoy';\n\
    const socket = new WebSocket(`ws://${location.host}/chat`, ['chat.v1']);\n\
    socket.onmessage = event => log.textContent += event.data + '\\n';\n\
    document.querySelector('input').onchange = event => {\n\
        socket.send(event.target.value);\n\
        event.target.value = '';\n\
    };\n\
    </script>\n";

/// What a client has to know, in a real application one for each user.
const TOKEN: &str = "ahoy";

type Failure = Box<dyn Error + Send + Sync>;
type Io = TokioIo<hyper::upgrade::Upgraded>;

/// The settings of the WebSockets, and who is in the chat.
#[derive(Clone, Debug)]
struct Harbour {
    server: Server,
    chat: Hub,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let server = server()?;
    let listener = TcpListener::bind("127.0.0.1:9003").await?;
    println!("http://{}/", listener.local_addr()?);
    let done = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    let cut = serve(listener, server, done).await?;
    println!("{cut} connections had to be cut");
    Ok(())
}

/// It listens nowhere: axum does.
pub(crate) fn server() -> Result<Server, InvalidRequest> {
    let server = Server::builder()
        .subprotocols(["chat.v1"])?
        .max_connections(10_000)
        .build();
    Ok(server)
}

/// Runs the application until `done`, then closes what is open. Returns how many connections had to be cut.
pub(crate) async fn serve(
    listener: TcpListener,
    server: Server,
    done: impl Future<Output = ()> + Send + 'static,
) -> Result<usize, Failure> {
    // What axum accepts is axum's to set up.
    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    let app = app(server.clone()).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app)
        .with_graceful_shutdown(done)
        .await?;
    // A connection that was upgraded is none of axum's any more.
    let patience = Duration::from_secs(5);
    Ok(server.shutdown(CloseCode::GOING_AWAY, patience).await)
}

fn app(server: Server) -> Router {
    let chat = Hub::new();
    Router::new()
        .route("/", get(async || Html(PAGE)))
        .route("/health", get(async || "well\n"))
        .route("/echo", any(echo))
        .route("/chat", any(enter_chat))
        .with_state(Harbour { server, chat })
}

async fn echo(
    State(harbour): State<Harbour>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, Response> {
    let (answer, upgrade) = harbour.server.upgrade(&request, Some(peer)).await?;
    tokio::spawn(async move {
        let mut ws = open(request, upgrade).await?;
        while let Some(message) = ws.recv().await? {
            ws.feed(message).await?;
        }
        Ok::<_, Failure>(())
    });
    Ok(answer.map(|()| Body::empty()))
}

async fn enter_chat(
    State(harbour): State<Harbour>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, Response> {
    if !knows_token(request.headers()) {
        return Err((StatusCode::UNAUTHORIZED, "who are you?\n").into_response());
    }
    let (answer, upgrade) = harbour.server.upgrade(&request, Some(peer)).await?;
    tokio::spawn(async move {
        let mut ws = open(request, upgrade).await?;
        let _membership = harbour.chat.join(&ws.handle());
        while let Some(message) = ws.recv().await? {
            let line = format!("{peer}: {}", message.as_text().unwrap_or("(binary)"));
            harbour
                .chat
                .broadcast(Message::from(line), SlowReader::Skip);
        }
        Ok::<_, Failure>(())
    });
    Ok(answer.map(|()| Body::empty()))
}

/// The connection, once hyper has let go of its transport.
async fn open(request: Request, upgrade: Upgrade) -> Result<WebSocket<Io>, Failure> {
    Ok(upgrade.over(TokioIo::new(hyper::upgrade::on(request).await?)))
}

/// A bearer token of a program, or the cookie of a browser.
fn knows_token(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
    let mut cookies = text(header::COOKIE).unwrap_or_default().split("; ");
    let cookie = cookies.find_map(|cookie| cookie.strip_prefix("token="));
    // Hashes compare in a time that tells nothing about the token.
    let hash = |token: &str| digest(&SHA256, token.as_bytes());
    let given = bearer.or(cookie).map(hash);
    given.is_some_and(|given| given.as_ref() == hash(TOKEN).as_ref())
}
