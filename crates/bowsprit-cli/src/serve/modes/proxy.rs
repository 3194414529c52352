//! Another server for each connection: what the client says goes there, and what that one says comes
//! back, with the subprotocol and the close codes of both.

use std::fmt;
use std::sync::Arc;

use bowsprit::{
    Client, CloseCode, Closed, ConnectError, Context, Handle, Handler, HttpRequest, Message,
    MessageRef, WebSocket,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::events::{Ended, masked_uri};
use crate::options::{self, Plan};
use crate::printer::text::escape;
use crate::printer::text::fault;
use crate::serve::house::Caller;
use crate::serve::queue::{Inbox, Outlet, queue, weight};

/// What begins a target that speaks no WebSocket.
const TCP: &str = "tcp:";

/// How much is read of it at once.
const CHUNK: usize = 16 << 10;

/// The header in which proxies say that they have passed a request on (RFC 9110 §7.6.3).
const VIA: &str = "Via";

/// Headers of the client's that go on to the target, unless the target's options have their own.
const PASSED_ON: [&str; 4] = ["Authorization", "Cookie", "Origin", "User-Agent"];

/// Where connections go.
#[derive(Debug)]
pub(in crate::serve) enum Target {
    WebSocket {
        plan: Box<Plan>,
        client: Client,
        uri: String,
        /// The path of the client's request goes behind the URI, which has none.
        takes_path: bool,
        /// What this server has asked its clients for is not the target's business.
        keeps_login: bool,
        /// What this proxy calls itself, to know its own requests where the target leads back to it.
        name: String,
    },
    Tcp(String),
}

/// A connection to the target.
pub(in crate::serve) enum Upstream {
    WebSocket(Box<WebSocket>),
    Tcp(TcpStream),
}

impl Target {
    /// Reads a target: `tcp:HOST:PORT`, or a URI, with options before it as behind `connect`.
    ///
    /// # Errors
    ///
    /// When it is none; the text says why.
    pub(in crate::serve) fn new(text: &str, keeps_login: bool) -> Result<Self, String> {
        if let Some(address) = text.strip_prefix(TCP) {
            let address = address.trim_start_matches('/');
            return match address.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                    Ok(Self::Tcp(address.to_owned()))
                }
                _ => Err("--proxy: expected tcp:HOST:PORT".to_owned()),
            };
        }
        let (options, _, uri) = options::parse(text).map_err(|why| format!("--proxy: {why}"))?;
        let plan = Plan::new(&options).map_err(|why| format!("--proxy: {why}"))?;
        plan.check(Some(&uri))
            .map_err(|why| format!("--proxy: {why}"))?;
        let rest = uri.split_once("://").map_or("", |(_, rest)| rest);
        let path = rest.find(['/', '?']).and_then(|start| rest.get(start..));
        Ok(Self::WebSocket {
            plan: Box::new(plan),
            client: Client::new(),
            takes_path: matches!(path, None | Some("/")) && !uri.starts_with("ws+unix:"),
            uri: uri.strip_suffix('/').unwrap_or(&uri).to_owned(),
            keeps_login,
            name: format!("bowsprit-{:x}", rand::random::<u64>()),
        })
    }

    /// Whether a request has passed this proxy before: its target leads back to it.
    pub(in crate::serve) fn has_sent(&self, request: &HttpRequest) -> bool {
        match self {
            Self::WebSocket { name, .. } => passed(request).any(|via| via.ends_with(name.as_str())),
            Self::Tcp(_) => false,
        }
    }

    /// Connects for this client.
    ///
    /// # Errors
    ///
    /// When it cannot be done; the text says why, and is not escaped.
    pub(in crate::serve) async fn connect(&self, client: &HttpRequest) -> Result<Upstream, String> {
        match self {
            Self::Tcp(address) => {
                let connected = TcpStream::connect(address.as_str()).await;
                let stream = connected.map_err(|error| format!("{address}: {}", fault(&error)))?;
                // Small messages are not to wait for others.
                let _ = stream.set_nodelay(true);
                Ok(Upstream::Tcp(stream))
            }
            Self::WebSocket { uri, .. } => {
                let connected = self.open(client).await;
                let ws = connected.map_err(|why| format!("{}: {why}", masked_uri(uri)))?;
                Ok(Upstream::WebSocket(Box::new(ws)))
            }
        }
    }

    async fn open(&self, of: &HttpRequest) -> Result<WebSocket, String> {
        let Self::WebSocket {
            plan,
            client,
            uri,
            takes_path,
            keeps_login,
            name,
        } = self
        else {
            return Err("no WebSocket".to_owned());
        };
        let path = if *takes_path { of.target() } else { "" };
        let mut request = plan.request(client, &format!("{uri}{path}"))?;
        for name in PASSED_ON {
            let is_kept = *keeps_login && name == "Authorization";
            if let Some(value) = of.header(name).filter(|_| !is_kept) {
                let passed = match name {
                    "User-Agent" => request.user_agent(value),
                    name => request.header(name, value),
                };
                request = passed.map_err(|error| error.to_string())?;
            }
        }
        let passed: Vec<String> = passed(of).map(str::to_owned).collect();
        let passed = [passed, vec![format!("1.1 {name}")]].concat().join(", ");
        request = request
            .header(VIA, &passed)
            .map_err(|error| error.to_string())?;
        for name in of.subprotocols() {
            request = request
                .subprotocol(name)
                .map_err(|error| error.to_string())?;
        }
        request
            .connect()
            .await
            .map_err(|error: ConnectError| error.to_string())
    }
}

/// The proxies that a request has passed, each with its version of HTTP.
fn passed(request: &HttpRequest) -> impl Iterator<Item = &str> {
    let of_via = |(name, value): (&'_ str, _)| name.eq_ignore_ascii_case(VIA).then_some(value);
    let lists = request.headers().filter_map(of_via);
    lists.flat_map(|list: &str| list.split(',').map(str::trim))
}

impl Upstream {
    /// The subprotocol that the target has chosen.
    pub(in crate::serve) fn subprotocol(&self) -> Option<&str> {
        match self {
            Self::WebSocket(ws) => ws.subprotocol(),
            Self::Tcp(_) => None,
        }
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").finish_non_exhaustive()
    }
}

/// Hands on what comes.
#[derive(Debug)]
pub(super) struct Proxied {
    caller: Arc<Caller>,
    upstream: Option<Upstream>,
    inbox: Option<Inbox>,
}

impl Proxied {
    pub(super) const fn new(caller: Arc<Caller>, upstream: Option<Upstream>) -> Self {
        Self {
            caller,
            upstream,
            inbox: None,
        }
    }
}

impl Handler for Proxied {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        let (inbox, outlet) = queue(cx.handle());
        self.inbox = Some(inbox);
        let caller = Arc::clone(&self.caller);
        match self.upstream.take() {
            Some(Upstream::WebSocket(ws)) => drop(tokio::spawn(join(*ws, outlet, caller))),
            Some(Upstream::Tcp(tcp)) => drop(tokio::spawn(join_tcp(tcp, outlet, caller))),
            // Nobody is let in without.
            None => cx.handle().terminate(),
        }
    }

    fn on_message(&mut self, cx: &mut Context<'_>, message: MessageRef<'_>) {
        if let Some(inbox) = &self.inbox {
            inbox.push(cx, message.into_message());
        }
    }

    fn on_close(&mut self, _: &mut Context<'_>, _: &Closed) {
        self.inbox = None;
    }
}

/// Carries messages both ways until one side ends, and then tells the other how.
async fn join(ws: WebSocket, mut outlet: Outlet, caller: Arc<Caller>) {
    let client = outlet.handle().clone();
    let target = {
        let (mut sender, mut receiver) = ws.split();
        let target = sender.handle();
        let to_target = async {
            while let Some(message) = outlet.next().await {
                let weight = weight(&message);
                // A target that takes no more has ended, or is about to.
                let _ = sender.send(message).await;
                outlet.done(weight);
            }
            pass_on(&client.closed().await, &target);
            std::future::pending::<()>().await;
        };
        let to_client = async {
            while let Ok(Some(message)) = receiver.recv().await {
                if !hand_over(&client, &caller, message).await {
                    // What still comes is not wanted, but the end of it is.
                    while let Ok(Some(_)) = receiver.recv().await {}
                }
            }
        };
        tokio::select! {
            () = to_target => {}
            () = to_client => {}
        }
        target
    };
    if let Some(closed) = target.close_info() {
        caller.tell(|| {
            let ended = Ended::new(&closed, None).sentence();
            format!("the target closed {}", escape(&ended))
        });
        pass_on(&closed, &client);
    } else {
        client.terminate();
    }
}

/// Ends the other side as this one has ended.
fn pass_on(closed: &Closed, other: &Handle) {
    match &closed.remote {
        Some(frame) if frame.code.can_be_sent() => {
            // Refused where that side closes as well.
            let _ = other.close(frame.code, &frame.reason);
        }
        Some(_) => {
            let _ = other.close(CloseCode::NORMAL, "");
        }
        // Nor was there a close frame here.
        None => other.terminate(),
    }
}

/// Carries bytes both ways: messages become bytes, bytes become binary messages.
async fn join_tcp(tcp: TcpStream, mut outlet: Outlet, caller: Arc<Caller>) {
    let client = outlet.handle().clone();
    let (mut from_target, mut to_target) = tcp.into_split();
    let inward = async {
        while let Some(message) = outlet.next().await {
            // A target that takes no more has ended, or is about to.
            let _ = to_target.write_all(message.as_bytes()).await;
            outlet.done(weight(&message));
        }
    };
    let outward = async {
        let mut bytes = vec![0; CHUNK];
        loop {
            match from_target.read(&mut bytes).await {
                Ok(0) => return (CloseCode::NORMAL, "the target has ended".to_owned()),
                Ok(count) => {
                    let read = bytes.get(..count).unwrap_or_default().to_vec();
                    hand_over(&client, &caller, read.into()).await;
                }
                Err(error) => {
                    let reason = format!("the target: {}", fault(&error));
                    return (CloseCode::BAD_GATEWAY, reason);
                }
            }
        }
    };
    let (code, reason) = tokio::select! {
        ended = outward => ended,
        () = inward => return,
    };
    caller.tell(|| reason.clone());
    // Refused where the client closes as well.
    let _ = client.close(code, &reason);
}

/// Whether the client takes the message.
async fn hand_over(client: &Handle, caller: &Caller, message: Message) -> bool {
    let is_taken = client.send_wait(message.clone()).await.is_ok();
    if is_taken {
        caller.said(&message);
    }
    is_taken
}
