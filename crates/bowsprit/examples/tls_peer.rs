//! The library's end of the sessions of `interop/tls_peers.py`: one connection over TLS as a client, or a
//! server that echoes. Every setting of TLS is a flag; what TLS settled, or why it did not, is printed as
//! an object of JSON a line.
//!
//! ```text
//! tls_peer client URI [--ca FILE]... [--only-ca] [--cert FILE KEY] [--sni NAME] [--pin FINGERPRINT]...
//!                     [--alpn NAME]... [--tls-min VERSION] [--key-log FILE] [--insecure]
//! tls_peer server CERTIFICATE KEY [--demand CA | --allow CA] [--alpn NAME]... [--tls-min VERSION]
//! ```

use std::{env, error::Error, fs, io, time::SystemTime};

use bowsprit::{
    Client, CloseCode, Config, ConnectError, Message, ServerTls, Stream, Tls, TlsError, TlsInfo,
    TlsVersion, accept,
};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = env::args().skip(1);
    match arguments.next().as_deref() {
        Some("client") => client(arguments).await,
        Some("server") => server(arguments).await,
        _ => Err("the first argument is `client` or `server`".into()),
    }
}

async fn client(mut arguments: impl Iterator<Item = String>) -> Result<(), Failure> {
    let mut tls = Tls::client();
    let (mut uri, mut alpn) = (String::new(), Vec::new());
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or("a flag lacks its value");
        tls = match argument.as_str() {
            "--ca" => tls.add_ca_file(value()?)?,
            "--only-ca" => tls.without_system_roots(),
            "--cert" => tls.client_certificate_files(value()?, value()?)?,
            "--sni" => tls.server_name(&value()?)?,
            "--pin" => tls.pin_sha256(&value()?)?,
            "--tls-min" => tls.min_version(version(&value()?)?),
            "--key-log" => tls.key_log_file(value()?)?,
            "--insecure" => tls.danger_accept_any_certificate(),
            "--alpn" => {
                alpn.push(value()?);
                tls.alpn(alpn.clone())
            }
            _ => {
                uri = argument;
                tls
            }
        };
    }
    let client = Client::builder().tls(tls).build();
    let mut ws = match client.request(&uri)?.connect().await {
        Ok(ws) => ws,
        Err(ConnectError::Tls(error)) => {
            print(&failure(&error));
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    ws.send("ahoy").await?;
    let echo = ws.recv().await?;
    assert_eq!(echo.as_ref().and_then(Message::as_text), Some("ahoy"));
    let info = ws.tls_info().ok_or("not over TLS")?;
    print(&facts(info));
    ws.close(CloseCode::NORMAL, "").await?;
    Ok(())
}

/// Serves until standard input ends.
async fn server(mut arguments: impl Iterator<Item = String>) -> Result<(), Failure> {
    let mut value = || arguments.next().ok_or("an argument is missing");
    let mut tls = ServerTls::from_files(value()?, value()?)?;
    let mut alpn = Vec::new();
    while let Ok(flag) = value() {
        tls = match flag.as_str() {
            "--demand" => tls.require_client_certificates(&fs::read(value()?)?)?,
            "--allow" => tls.allow_client_certificates(&fs::read(value()?)?)?,
            "--tls-min" => tls.min_version(version(&value()?)?),
            "--alpn" => {
                alpn.push(value()?);
                tls.alpn(alpn.clone())
            }
            _ => return Err(format!("no flag: {flag}").into()),
        };
    }
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    print(&json!({ "wss": listener.local_addr()?.port() }));
    let serving = async {
        loop {
            let (tcp, _) = listener.accept().await?;
            tokio::spawn(serve(tls.clone(), tcp));
        }
    };
    // Whoever started the server holds its input open.
    let ended = tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink()));
    tokio::select! {
        failed = serving => failed,
        _ = ended => Ok(()),
    }
}

async fn serve(tls: ServerTls, tcp: TcpStream) {
    match tls.accept(tcp).await {
        Ok(stream) => {
            print(&facts(&stream.info()));
            // What happens to the connection afterwards is seen by the peer.
            let _ = echo(stream.into()).await;
        }
        Err(error) => print(&failure(&error)),
    }
}

async fn echo(stream: Stream) -> Result<(), Failure> {
    let mut ws = accept(stream, Config::server()).await?;
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

fn version(text: &str) -> Result<TlsVersion, Failure> {
    match text {
        "1.2" => Ok(TlsVersion::Tls12),
        "1.3" => Ok(TlsVersion::Tls13),
        _ => Err(format!("no version of TLS: {text}").into()),
    }
}

fn facts(info: &TlsInfo) -> Value {
    let peer = info.peer.as_deref().map(|peer| {
        json!({
            "subject": peer.subject,
            "issuer": peer.issuer,
            "names": peer.names.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "days_left": peer.days_left(SystemTime::now()),
            "fingerprint": peer.fingerprint(),
        })
    });
    json!({
        "version": info.version,
        "cipher": info.cipher,
        "verified": info.verified,
        "alpn": info.alpn,
        "peer": peer,
    })
}

fn failure(error: &TlsError) -> Value {
    json!({ "kind": format!("{:?}", error.kind()), "text": error.to_string() })
}

#[expect(clippy::print_stdout, reason = "the report is what the program is for")]
fn print(report: &Value) {
    println!("{report}");
}
