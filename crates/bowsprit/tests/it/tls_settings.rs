//! TLS: what can be set at either end. Roots, names, protocols, versions, keys and the log of keys.

use std::fs;
use std::path::PathBuf;

use bowsprit::{ServerTls, Tls, TlsErrorKind, TlsVersion, proto::Host};
use tokio::net::TcpStream;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::version::{TLS12, TLS13};

use super::support::within;
use super::tls_support::{
    Ca, File, called, domain, echoes, fails, for_names, handshake, hello, listen, localhost,
    other_client, other_server, self_signed, stranger, succeeds, trusting,
};

#[tokio::test]
async fn the_systems_roots_can_be_left_out() {
    let ca = Ca::new("Harbour CA");
    let server = ca.signs_for(&["localhost"]).server();
    let client = trusting(&ca.pem).without_system_roots();
    succeeds(server.clone(), &client, localhost()).await;

    let (client, _) = handshake(server, &Tls::client().without_system_roots(), localhost()).await;
    let error = client.expect_err("nobody to trust");
    assert_eq!(error.kind(), TlsErrorKind::NoRoots);
    assert_eq!(
        error.to_string(),
        "no trusted root certificates: the system's are not used, and no CA was added"
    );
}

#[tokio::test]
async fn another_name_can_be_asked_for() {
    let named = |name| stranger().server_name(name).expect("a name");
    for host in [localhost(), Host::Ipv4([127, 0, 0, 1].into())] {
        let (name, _) = hello(&named("chat.example"), &host).await;
        assert_eq!(name.as_deref(), Some("chat.example"));
        // An address has no room in it.
        let (name, _) = hello(&named("192.0.2.1"), &host).await;
        assert_eq!(name, None);
    }
}

#[tokio::test]
async fn the_name_that_is_asked_for_is_the_one_that_is_verified() {
    let ca = Ca::new("Harbour CA");
    let named = |name| trusting(&ca.pem).server_name(name).expect("a name");
    let server = ca.signs_for(&["chat.example"]).server();
    succeeds(server.clone(), &named("chat.example"), localhost()).await;
    let (kind, text, _) = fails(server, &named("localhost"), domain("chat.example")).await;
    assert_eq!(kind, TlsErrorKind::WrongName);
    assert!(
        text.starts_with("certificate is not valid for localhost, only for chat.example"),
        "{text}"
    );
    for name in ["", "a b", "a\r\nb"] {
        let error = Tls::client().server_name(name).expect_err("no name");
        assert_eq!(error.kind(), TlsErrorKind::InvalidHost);
        assert!(!error.to_string().contains('\n'), "{error}");
    }
}

#[tokio::test]
async fn both_ends_agree_on_an_application_protocol() {
    let ca = Ca::new("Harbour CA");
    let server = ca.signs_for(&["localhost"]).server();
    let client = trusting(&ca.pem);
    // The server's order decides.
    let cases: [(&[&str], &[&str], Option<&str>); 5] = [
        (&["http/1.1"], &["http/1.1"], Some("http/1.1")),
        (&["h2", "http/1.1"], &["http/1.1", "h2"], Some("http/1.1")),
        (&["mqtt", "ship/1"], &["ship/1", "mqtt"], Some("ship/1")),
        (&[], &["http/1.1"], None),
        (&["http/1.1"], &[], None),
    ];
    for (offered, known, agreed) in cases {
        let client = client.clone().alpn(offered.iter().copied());
        let server = server.clone().alpn(known.iter().copied());
        let (near, far) = succeeds(server, &client, localhost()).await;
        for stream in [near, far] {
            let info = stream.tls_info().expect("a session");
            assert_eq!(info.alpn.as_deref(), agreed, "{offered:?} {known:?}");
        }
    }
    let (near, _far) = succeeds(server.clone(), &client, localhost()).await;
    let info = near.tls_info().expect("a session");
    assert_eq!(info.alpn.as_deref(), Some("http/1.1"), "by default");

    let (kind, text, server) = fails(server, &client.alpn(["mqtt"]), localhost()).await;
    assert_eq!(kind, TlsErrorKind::Incompatible);
    assert_eq!(
        text,
        "no application protocol (ALPN) in common with the server (alert: no application protocol)"
    );
    assert_eq!(
        server,
        "no application protocol (ALPN) in common with the client"
    );
}

#[tokio::test]
async fn http_2_is_refused_by_both_ends_even_where_they_agree_on_it() {
    let ca = Ca::new("Harbour CA");
    let server = ca
        .signs_for(&["localhost"])
        .server()
        .alpn(["h2", "http/1.1"]);
    let client = trusting(&ca.pem).alpn(["h2", "http/1.1"]);
    let (client, server) = handshake(server, &client, localhost()).await;
    let (client, server) = (
        client.expect_err("no HTTP/1.1"),
        server.expect_err("no HTTP/1.1"),
    );
    assert_eq!(client.kind(), TlsErrorKind::Incompatible);
    assert_eq!(
        client.to_string(),
        "server chose HTTP/2, and a WebSocket opens over HTTP/1.1; do not offer h2"
    );
    assert_eq!(server.kind(), TlsErrorKind::Incompatible);
    assert_eq!(
        server.to_string(),
        "client wants HTTP/2, and a WebSocket opens over HTTP/1.1"
    );
}

#[tokio::test]
async fn application_protocols_that_cannot_be_written_are_left_out() {
    let long = vec![b'a'; 255];
    let names = [vec![], long.clone(), vec![b'a'; 256], b"http/1.1".to_vec()];
    let (_, alpn) = hello(&stranger().alpn(names), &localhost()).await;
    assert_eq!(alpn, [long, b"http/1.1".to_vec()]);
    let (_, alpn) = hello(&stranger().alpn([""; 0]), &localhost()).await;
    assert!(alpn.is_empty());
}

#[tokio::test]
async fn a_client_can_refuse_servers_of_tls_1_2() {
    let ca = Ca::new("Harbour CA");
    let strict = trusting(&ca.pem).min_version(TlsVersion::Tls13);
    let error = other_server(&strict, &ca, &[&TLS12], &[]).await;
    let error = error.expect_err("too old");
    assert_eq!(error.kind(), TlsErrorKind::OldVersion);
    assert_eq!(
        error.to_string(),
        "server does not support TLS 1.3 (alert: protocol version)"
    );
    for versions in [&[&TLS13][..], rustls::ALL_VERSIONS] {
        let stream = other_server(&strict, &ca, versions, &[]).await;
        assert_eq!(stream.expect("a handshake").info().version, "TLS 1.3");
    }
}

#[tokio::test]
async fn a_server_can_refuse_clients_of_tls_1_2() {
    let ca = Ca::new("Harbour CA");
    let server = ca.signs_for(&["localhost"]).server();
    let strict = server.clone().min_version(TlsVersion::Tls13);
    let cases = [
        (server.clone(), &TLS12, Ok("TLS 1.2")),
        (server, &TLS13, Ok("TLS 1.3")),
        (strict.clone(), &TLS13, Ok("TLS 1.3")),
        (strict, &TLS12, Err("client does not support TLS 1.3")),
    ];
    for (server, version, expected) in cases {
        let connector = other_client(&ca, version, None);
        let (listener, addr) = listen().await;
        let client = tokio::spawn(async move {
            let tcp = TcpStream::connect(addr).await.expect("a connection");
            let name = ServerName::try_from("localhost").expect("a name");
            connector.connect(name, tcp).await
        });
        let (tcp, _) = listener.accept().await.expect("a client");
        let stream = within(server.accept(tcp)).await;
        match expected {
            Ok(name) => assert_eq!(stream.expect("a handshake").info().version, name),
            Err(text) => {
                let error = stream.expect_err("too old");
                assert_eq!(error.kind(), TlsErrorKind::OldVersion);
                assert_eq!(error.to_string(), text);
            }
        }
        let ended = within(client).await.expect("the client");
        assert_eq!(ended.is_ok(), expected.is_ok());
    }
}

/// The secrets of a session by their labels, as NSS's format writes them.
fn labels(log: &str) -> Vec<&str> {
    let line = |line| {
        let parts: Vec<&str> = str::split(line, ' ').collect();
        let [label, random, secret] = parts[..] else {
            panic!("not three parts: {line}");
        };
        assert_eq!(random.len(), 64, "{line}");
        assert!(secret.len() >= 64, "{line}");
        assert!(
            random
                .bytes()
                .chain(secret.bytes())
                .all(|byte| byte.is_ascii_hexdigit())
        );
        label
    };
    log.lines().map(line).collect()
}

#[tokio::test]
async fn the_keys_of_sessions_are_appended_to_a_file() {
    const TLS_1_3: [&str; 5] = [
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
        "EXPORTER_SECRET",
    ];
    let ca = Ca::new("Harbour CA");
    // Named and removed by this, made by the library.
    let file = File::new("keys", "");
    fs::remove_file(&file.0).expect("no file");
    let logging = || trusting(&ca.pem).key_log_file(&file.0).expect("a file");
    let stream = other_server(&logging(), &ca, &[&TLS12], &[]).await;
    stream.expect("a handshake");
    let log = fs::read_to_string(&file.0).expect("a log");
    assert_eq!(labels(&log), ["CLIENT_RANDOM"]);
    let stream = other_server(&logging(), &ca, &[&TLS13], &[]).await;
    stream.expect("a handshake");
    let log = fs::read_to_string(&file.0).expect("a log");
    let labels = labels(&log);
    assert_eq!(labels[0], "CLIENT_RANDOM");
    for label in TLS_1_3 {
        assert!(labels[1..].contains(&label), "{labels:?}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&file.0).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_key_log_that_cannot_be_opened_is_an_error() {
    let error = Tls::client().key_log_file("/nonexistent/keys");
    let error = error.expect_err("no folder");
    assert_eq!(error.kind(), TlsErrorKind::KeyLog);
    assert_eq!(
        error.to_string(),
        "key log file /nonexistent/keys: not found"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_key_log_on_a_full_disk_costs_no_connection() {
    let ca = Ca::new("Harbour CA");
    let client = trusting(&ca.pem).key_log_file("/dev/full").expect("a file");
    let server = ca.signs_for(&["localhost"]).server();
    let (mut near, mut far) = succeeds(server, &client, localhost()).await;
    echoes(&mut near, &mut far).await;
}

#[test]
fn errors_tell_what_a_client_certificate_lacks() {
    let [one, two] = [(); 2].map(|()| self_signed(&called("First Mate")));
    let encrypted = one.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let old_and_encrypted = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\
        DEK-Info: AES-256-CBC,6E6F\n\nAAAA\n-----END EC PRIVATE KEY-----\n";
    let bad_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let faults = [
        (
            "",
            one.key.as_str(),
            TlsErrorKind::NoCertificate,
            "client certificate: no certificate in PEM form",
        ),
        (
            &one.chain,
            "",
            TlsErrorKind::NoKey,
            "client key: no private key in PEM form",
        ),
        (
            &one.chain,
            &encrypted,
            TlsErrorKind::NoKey,
            "client key: the private key is encrypted with a password",
        ),
        (
            &one.chain,
            old_and_encrypted,
            TlsErrorKind::NoKey,
            "client key: the private key is encrypted with a password",
        ),
        (
            &one.chain,
            &two.key,
            TlsErrorKind::KeyMismatch,
            "client certificate: the private key belongs to another certificate",
        ),
        (
            &one.chain,
            bad_key,
            TlsErrorKind::Malformed,
            "client certificate: the private key is of an unknown kind or damaged",
        ),
    ];
    for (chain, key, kind, expected) in faults {
        let error = Tls::client().client_certificate_pem(chain.as_bytes(), key.as_bytes());
        let error = error.expect_err("no identity");
        assert_eq!((error.kind(), error.to_string().as_str()), (kind, expected));
    }
    let (chain, key) = (
        File::new("client-chain", &one.chain),
        File::new("client-key", &one.key),
    );
    let files = |chain: &PathBuf, key: &PathBuf| Tls::client().client_certificate_files(chain, key);
    files(&chain.0, &key.0).expect("an identity");
    let missing = PathBuf::from("/nonexistent/key.pem");
    let error = files(&chain.0, &missing).expect_err("no key");
    assert_eq!(
        error.to_string(),
        "key file /nonexistent/key.pem: not found"
    );
    let error = files(&key.0, &key.0).expect_err("no certificate");
    assert_eq!(error.kind(), TlsErrorKind::NoCertificate);
}

#[test]
fn errors_tell_what_a_server_cannot_verify_clients_by() {
    let server = self_signed(&for_names(&["localhost"])).server();
    for ask in [
        ServerTls::require_client_certificates,
        ServerTls::allow_client_certificates,
    ] {
        let error = ask(server.clone(), b"").expect_err("no authority");
        assert_eq!(error.kind(), TlsErrorKind::NoCertificate);
        assert_eq!(
            error.to_string(),
            "CA certificate for clients: no certificate in PEM form"
        );
    }
}

#[test]
fn debug_shows_no_secrets() {
    let own = self_signed(&for_names(&["localhost"]));
    assert_eq!(
        format!("{:?}", trusting(&own.chain)),
        "Tls { system_roots: true, extra_certificates: 1, pins: 0, verified: true, \
         client_certificate: false, min_version: Tls12, key_log: false, .. }"
    );
    let client = own.shown_by(Tls::client().without_system_roots());
    let client = client.danger_accept_any_certificate();
    assert_eq!(
        format!("{client:?}"),
        "Tls { system_roots: false, extra_certificates: 0, pins: 0, verified: false, \
         client_certificate: true, min_version: Tls12, key_log: false, .. }"
    );
    assert_eq!(
        format!("{:?}", own.server()),
        "ServerTls { chain: 1, client_certificates_required: None, min_version: Tls12, .. }"
    );
}
