//! `wss:` connections: whom to trust, who to be, and what is told of it.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;

use bowsprit::{Context, Handler, Server, ServerTls};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::support::{Outcome, run, run_in, serve as serve_plain};

#[derive(Debug)]
struct Deaf;

impl Handler for Deaf {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        cx.send("welcome")
            .expect("an open connection takes a message");
    }
}

/// A certificate and its key in PEM, as text and in files that go when this does.
pub(crate) struct Identity {
    pub(crate) chain: String,
    key: String,
    folder: PathBuf,
}

impl Identity {
    pub(crate) fn new(label: &str, name: &str) -> Self {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
        Self::of(label, made.cert.pem(), made.signing_key.serialize_pem())
    }

    /// Signed by an authority, whose own certificate comes with it.
    fn signed(label: &str, name: &str) -> (Self, String) {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = params.self_signed(&key).expect("a certificate").pem();
        let issuer = Issuer::new(params, key);
        let params = CertificateParams::new([name.to_owned()]).expect("a name");
        let key = KeyPair::generate().expect("a key");
        let chain = params.signed_by(&key, &issuer).expect("a certificate");
        (Self::of(label, chain.pem(), key.serialize_pem()), authority)
    }

    pub(crate) fn of(label: &str, chain: String, key: String) -> Self {
        let folder = format!("bowsprit-it-tls-{}-{label}", std::process::id());
        let folder = std::env::temp_dir().join(folder);
        fs::create_dir_all(&folder).expect("a temporary directory");
        fs::write(folder.join("chain.pem"), &chain).expect("a temporary file");
        fs::write(folder.join("key.pem"), &key).expect("a temporary file");
        Self { chain, key, folder }
    }

    pub(crate) fn file(&self, name: &str) -> String {
        let path = self.folder.join(name);
        path.to_str().expect("a path in UTF-8").to_owned()
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        // What is left behind lies in the temporary directory.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Starts a server with this certificate, its TLS changed by `change`.
pub(crate) fn serve(
    identity: &Identity,
    change: impl FnOnce(ServerTls) -> ServerTls + Send + 'static,
) -> SocketAddr {
    let (chain, key) = (identity.chain.clone(), identity.key.clone());
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
                .tls(change(tls))
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
    address.recv().expect("the server starts")
}

/// Connects with these options, given to the program and then to `connect`, and shows the connection.
fn connect(options: &[&str], address: SocketAddr) -> [Outcome; 2] {
    let uri = format!("wss://localhost:{}", address.port());
    let rest = "wait 0 message\nshow 0\n";
    [
        run(options, format!("connect {uri}\n{rest}")),
        run(&[], format!("connect {} {uri}\n{rest}", options.join(" "))),
    ]
}

/// Fails unless both connections opened, and `show` has this line.
fn expect(options: &[&str], address: SocketAddr, line: &str) {
    for outcome in connect(options, address) {
        outcome.expect_in_order(&["0 << text 7 welcome", "> Status: Open", line]);
        assert_eq!(outcome.status, Some(0), "{outcome:?}");
    }
}

/// Fails unless both connections failed for this reason.
fn refuse(options: &[&str], address: SocketAddr, reason: &str) {
    for outcome in connect(options, address) {
        let failed = outcome
            .lines()
            .into_iter()
            .find(|line| line.starts_with("0 failed "));
        assert!(
            failed.is_some_and(|line| line.contains(reason)),
            "{outcome:?}"
        );
        assert_eq!(outcome.status, Some(4), "{outcome:?}");
    }
}

const SETTLED: &str = "> TLS: TLS 1.3, TLS_AES_256_GCM_SHA384, http/1.1";

#[test]
fn connects_to_no_server_that_it_cannot_verify_unless_told_to() {
    let identity = Identity::new("verify", "localhost");
    let address = serve(&identity, |tls| tls);
    let script = format!(
        "connect wss://localhost:{}\nwait 0 message\n",
        address.port()
    );
    let outcome = run(&[], &script);
    let failed = outcome.lines()[1];
    assert!(failed.starts_with("0 failed certificate "), "{failed}");
    assert!(failed.ends_with(" (--ca FILE, --insecure)"), "{failed}");
    assert_eq!(outcome.status, Some(4));

    let outcome = run(&["--ca", &identity.file("chain.pem")], &script);
    assert_eq!(outcome.lines()[2], "0 << text 7 welcome");
    assert!(!outcome.stdout.contains("NOT VERIFIED"));
    assert_eq!((outcome.stderr.as_str(), outcome.status), ("", Some(0)));

    let outcome = run(&["--insecure"], &script);
    assert!(outcome.lines()[1].ends_with(" NOT VERIFIED"), "{outcome:?}");
    assert!(outcome.stderr.contains("NOT VERIFIED"));
    assert_eq!(outcome.status, Some(0));
    expect(
        &["--insecure"],
        address,
        &format!("{SETTLED}, NOT VERIFIED"),
    );

    let script = script.replace("connect", "connect --insecure");
    let outcome = run(&["-q", "--ca", &identity.file("chain.pem")], script);
    let warning = "> WARNING: the certificate is NOT VERIFIED, anyone may listen in";
    assert_eq!(outcome.lines()[1], warning);
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
}

#[test]
fn shows_what_tls_settled_and_whose_certificate_it_is() {
    let identity = Identity::new("show", "localhost");
    let address = serve(&identity, |tls| tls);
    let chain = identity.file("chain.pem");
    for options in [&["--ca", &chain][..], &["--only-ca", "--ca", &chain]] {
        expect(options, address, SETTLED);
        let [outcome, _] = connect(options, address);
        let line = outcome
            .lines()
            .into_iter()
            .find(|line| line.starts_with("> Certificate: "));
        let line = line.expect("the certificate is shown");
        assert!(
            line.starts_with("> Certificate: CN=rcgen self signed cert (localhost), "),
            "{line}"
        );
        assert!(line.ends_with(" days left"), "{line}");
        let outcome = run(
            &["-q", "--ca", &chain],
            format!("connect wss://localhost:{}\nshow 0\n", address.port()),
        );
        assert!(!outcome.stdout.contains("> TLS"), "no facts when quiet");
    }
}

#[test]
fn shows_its_own_certificate_to_a_server_that_demands_one() {
    let identity = Identity::new("mutual", "localhost");
    let (client, trusted) = Identity::signed("client", "client.example");
    let address = serve(&identity, move |tls| {
        tls.require_client_certificates(trusted.as_bytes())
            .expect("a certificate")
    });
    let ca = identity.file("chain.pem");
    refuse(&["--ca", &ca], address, "(--cert FILE, --key FILE)");
    let (cert, key) = (client.file("chain.pem"), client.file("key.pem"));
    expect(
        &["--ca", &ca, "--cert", &cert, "--key", &key],
        address,
        SETTLED,
    );
    let (other, not_its_key) = (identity.file("chain.pem"), client.file("key.pem"));
    let outcome = run(&["--cert", &other, "--key", &not_its_key], "");
    assert_eq!(outcome.status, Some(2), "{outcome:?}");
    assert_eq!(outcome.stderr.lines().count(), 1);
}

#[test]
fn asks_for_another_name_than_the_uri_has() {
    let identity = Identity::new("sni", "chat.example");
    let address = serve(&identity, |tls| tls);
    let ca = identity.file("chain.pem");
    refuse(&["--ca", &ca], address, "(--sni NAME, --insecure)");
    expect(&["--ca", &ca, "--sni", "chat.example"], address, SETTLED);
    let outcome = run(&["--sni", "no name"], "");
    assert_eq!(outcome.status, Some(2), "{outcome:?}");
}

#[test]
fn offers_the_application_protocols_that_it_is_told_to() {
    let identity = Identity::new("alpn", "localhost");
    let address = serve(&identity, |tls| tls.alpn(["chat/2"]));
    let ca = identity.file("chain.pem");
    let line = SETTLED.replace("http/1.1", "chat/2");
    expect(&["--ca", &ca, "--alpn", "chat/1,chat/2"], address, &line);
    expect(
        &["--ca", &ca, "--alpn="],
        address,
        &SETTLED.replace(", http/1.1", ""),
    );
    refuse(&["--ca", &ca], address, "");
}

/// What the program says first of all in TLS, of which versions are a part.
fn client_hello(options: &str) -> Vec<u8> {
    let (hellos, hello) = mpsc::channel();
    let address = serve_plain(move |mut peer| {
        hellos.send(peer.read_some()).expect("the test listens");
    });
    run(
        &[],
        format!("connect {options} wss://localhost:{}\n", address.port()),
    );
    hello.recv().expect("a hello")
}

#[test]
fn agrees_to_no_older_version_than_it_is_told_to() {
    // RFC 8446 §4.2.1: the extension, its length, the list's length, the versions.
    let has = |hello: &[u8], part: &[u8]| hello.windows(part.len()).any(|window| window == part);
    let both = [0, 0x2b, 0, 5, 4, 3, 4, 3, 3];
    let newer = [0, 0x2b, 0, 3, 2, 3, 4];
    assert!(has(&client_hello("--tls-min 1.2"), &both));
    assert!(has(&client_hello("--tls-min 1.3"), &newer));
    let outcome = run(&[], "connect --tls-min 1.1 wss://h\n");
    outcome.expect_in_order(&[
        "> Not a value of --tls-min: 1.1 (there are 1.2 and 1.3; older ones are not safe)",
    ]);
}

#[test]
fn takes_only_a_certificate_that_is_pinned() {
    let identity = Identity::new("pin", "localhost");
    let address = serve(&identity, |tls| tls);
    let ca = identity.file("chain.pem");
    let [outcome, _] = connect(&["--ca", &ca], address);
    let line = outcome
        .lines()
        .into_iter()
        .find_map(|line| line.strip_prefix("> Fingerprint: "));
    let fingerprint = line.expect("the fingerprint is shown").to_owned();
    let pinned = format!("{SETTLED}, pinned");
    let other = "ab".repeat(32);
    expect(&["--ca", &ca, "--pin", &fingerprint], address, &pinned);
    expect(
        &["--ca", &ca, "--pin", &other, "--pin", &fingerprint],
        address,
        &pinned,
    );
    expect(&["--insecure", "--pin", &fingerprint], address, &pinned);
    let [outcome, _] = connect(&["--insecure", "--pin", &fingerprint], address);
    assert_eq!(outcome.stderr, "", "the pin verifies");
    refuse(&["--ca", &ca, "--pin", &other], address, "(--pin HEX)");
    refuse(&["--insecure", "--pin", &other], address, "(--pin HEX)");
    refuse(&["--pin", &fingerprint], address, "(--ca FILE, --insecure)");
    assert_eq!(run(&["--pin", "abc"], "").status, Some(2));
}

#[test]
fn writes_the_keys_where_the_environment_says_and_says_so_once() {
    let identity = Identity::new("keys", "localhost");
    let address = serve(&identity, |tls| tls);
    let (ca, log) = (identity.file("chain.pem"), identity.file("keys.log"));
    let uri = format!("wss://localhost:{}", address.port());
    let script = format!("connect {uri}\nconnect --ca {ca} {uri}\nwait 1 message\n");
    let outcome = run_in(&[("SSLKEYLOGFILE", &log)], &["--ca", &ca], script);
    assert_eq!(
        outcome.stderr,
        format!(
            "bowsprit: WARNING: SSLKEYLOGFILE is set: who has {log} can read all that goes through TLS\n"
        )
    );
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    let keys = fs::read_to_string(&log).expect("the keys are written");
    assert_eq!(
        keys.matches("CLIENT_TRAFFIC_SECRET_0 ").count(),
        2,
        "{keys}"
    );
    assert!(!run(&["--ca", &ca], "").stderr.contains("SSLKEYLOGFILE"));
}
