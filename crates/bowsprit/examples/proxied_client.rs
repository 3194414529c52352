//! Sends one message to an echo server, through a proxy or straight, and says how that went.
//! `cargo run --example proxied_client -- ws://example.com --proxy socks5://localhost:1080`
//!
//! Without `--proxy` the environment decides. The last line is `echoed by` and the address that was
//! connected to, or `failed:` and the error, with exit status 1.
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::{env, error::Error, fs, net::IpAddr, process::ExitCode};

use bowsprit::{Client, CloseCode, Dns, Message, Proxy, Tls};

const USAGE: &str = "usage: proxied_client URI [--proxy URI|none] [--no-proxy LIST] [--ca FILE] \
                     [--resolve HOST PORT ADDRESS]";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match echo().await {
        Ok(by) => {
            println!("echoed by {by}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn echo() -> Result<String, Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let mut next = || arguments.next().ok_or(USAGE);
    let uri = next()?;
    let (mut proxy, mut tls, mut dns) = (Proxy::environment(), Tls::client(), Dns::default());
    while let Ok(flag) = next() {
        match (flag.as_str(), next()?) {
            ("--proxy", none) if none == "none" => proxy = Proxy::direct(),
            ("--proxy", uri) => proxy = Proxy::parse(&uri)?,
            ("--no-proxy", list) => proxy = proxy.bypass(&list)?,
            ("--ca", file) => tls = tls.add_ca_pem(&fs::read(file)?)?,
            ("--resolve", host) => {
                let (port, address) = (next()?.parse()?, next()?.parse::<IpAddr>()?);
                dns = dns.resolve(&host, port, [address]);
            }
            _ => return Err(USAGE.into()),
        }
    }
    let client = Client::builder().proxy(proxy).tls(tls).dns(dns).build();
    let mut ws = client.request(&uri)?.connect().await?;
    ws.send("ahoy").await?;
    if ws.recv().await? != Some(Message::from("ahoy")) {
        return Err("the server sent something else back".into());
    }
    let peer = ws.info().peer();
    ws.close(CloseCode::NORMAL, "").await?;
    Ok(peer.map_or_else(
        || "a process of this machine".to_owned(),
        |peer| peer.to_string(),
    ))
}
