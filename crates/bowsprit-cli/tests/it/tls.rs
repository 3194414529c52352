//! `wss:` connections: refused, trusted, and not verified.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;

use bowsprit::{Context, Handler, Server, ServerTls};

use crate::support::run;

#[derive(Debug)]
struct Deaf;

impl Handler for Deaf {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        cx.send("welcome")
            .expect("an open connection takes a message");
    }
}

/// A server for `localhost`, and the file with its certificate.
fn serve() -> (SocketAddr, PathBuf) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let file = std::env::temp_dir().join(format!("bowsprit-it-{}.pem", std::process::id()));
    fs::write(&file, &chain).expect("a file in the temporary directory");
    let (addresses, address) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let tls = ServerTls::from_pem(chain.as_bytes(), key.as_bytes())
                .expect("a certificate and its key");
            let server = Server::builder()
                .tls(tls)
                .bind("127.0.0.1:0")
                .await
                .expect("a free port");
            addresses
                .send(server.local_addr().expect("the server is bound"))
                .expect("the test listens");
            server
                .serve_handlers(|_| Deaf)
                .await
                .expect("the server runs as long as the test");
        });
    });
    (address.recv().expect("the server starts"), file)
}

#[test]
fn connects_to_no_server_that_it_cannot_verify_unless_told_to() {
    let (address, certificate) = serve();
    let script = format!(
        "connect wss://localhost:{}\nwait 0 message\n",
        address.port()
    );

    let outcome = run(&[], &script);
    assert!(
        outcome.lines()[1].starts_with("0 failed certificate "),
        "{}",
        outcome.stdout
    );
    assert_eq!(outcome.status, Some(1));

    let outcome = run(
        &["--ca", certificate.to_str().expect("a path in UTF-8")],
        &script,
    );
    assert_eq!(outcome.lines()[2], "0 << text 7 welcome");
    assert!(!outcome.stdout.contains("NOT VERIFIED"));
    assert_eq!((outcome.stderr.as_str(), outcome.status), ("", Some(0)));

    let outcome = run(&["--insecure"], &script);
    assert!(
        outcome.lines()[1].ends_with(" NOT VERIFIED"),
        "{}",
        outcome.stdout
    );
    assert!(outcome.stderr.contains("NOT VERIFIED"));
    assert_eq!(outcome.status, Some(0));
    fs::remove_file(certificate).expect("the file is still there");
}
