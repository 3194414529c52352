//! TLS: real handshakes over loopback, with certificates made on the spot.

use std::error::Error as _;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use bowsprit::{Client, ServerTls, Stream, Tls, TlsErrorKind, proto::Host};
use rcgen::{BasicConstraints, IsCa, date_time_ymd};
use tokio::io::{AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{self, HandshakeKind, ServerConfig, crypto::ring};

use super::support::{CLOSE, answer, closing, frame, within};
use super::tls_support::{
    Ca, File, domain, echoes, fails, for_names, handshake, hello, listen, localhost, other_config,
    other_server, self_signed, stranger, succeeds, trusting,
};

/// Reads the client's first flight, then answers with these bytes and ends its side.
async fn answers(reply: &'static [u8]) -> (SocketAddr, JoinHandle<()>) {
    let (listener, addr) = listen().await;
    let server = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.expect("a client");
        read_hello(&mut tcp).await;
        tcp.write_all(reply).await.expect("an answer");
        tcp.shutdown().await.expect("an end");
        // Reading to the end: closing over unread bytes would reset the connection.
        let _ = tcp.read_to_end(&mut Vec::new()).await;
    });
    (addr, server)
}

/// Reads one whole record, so that nothing of it is left to turn a close into a reset.
async fn read_hello(tcp: &mut TcpStream) {
    let mut head = [0; 5];
    tcp.read_exact(&mut head).await.expect("a record");
    let length = usize::from(u16::from_be_bytes([head[3], head[4]]));
    tcp.read_exact(&mut vec![0; length])
        .await
        .expect("its contents");
}

async fn fails_against(reply: &'static [u8]) -> (TlsErrorKind, String) {
    let (addr, server) = answers(reply).await;
    let tcp = TcpStream::connect(addr).await.expect("a connection");
    let error = stranger()
        .connect(&localhost(), tcp)
        .await
        .expect_err("no TLS there");
    server.await.expect("the server");
    assert!(error.source().is_some());
    (error.kind(), error.to_string())
}

#[tokio::test]
async fn an_extra_ca_is_trusted() {
    let ca = Ca::new("Harbour CA");
    let identity = ca.signs_for(&["localhost"]);
    let (mut client, mut server) =
        succeeds(identity.server(), &trusting(&ca.pem), localhost()).await;
    echoes(&mut client, &mut server).await;
    let info = client.tls_info().expect("a session");
    assert_eq!(info.version, "TLS 1.3");
    assert!(info.cipher.starts_with("TLS_AES_"), "{}", info.cipher);
    assert!(info.verified);
    assert!(
        !server.tls_info().expect("a session").verified,
        "no client certificate was asked for"
    );
    assert!(client.is_write_vectored());
    assert_eq!(
        client.peer_addr().expect("an address"),
        server.local_addr().expect("an address")
    );
}

#[tokio::test]
async fn an_address_in_the_certificate_is_a_name() {
    let ca = Ca::new("Harbour CA");
    let addresses = [
        ("127.0.0.1", Host::Ipv4([127, 0, 0, 1].into())),
        ("::1", Host::Ipv6(Ipv6Addr::LOCALHOST)),
    ];
    for (ip, host) in addresses {
        succeeds(ca.signs_for(&[ip]).server(), &trusting(&ca.pem), host).await;
    }
}

#[tokio::test]
async fn an_unknown_issuer_is_named() {
    let identity = Ca::new("Harbour CA").signs_for(&["localhost"]);
    let (kind, text, server) = fails(identity.server(), &stranger(), localhost()).await;
    assert_eq!(kind, TlsErrorKind::UnknownIssuer);
    assert_eq!(
        text,
        "certificate is signed by an unknown authority (issuer: Harbour CA), or the server does not \
         send its intermediate certificates; trust it with an extra CA, or skip verification"
    );
    assert_eq!(
        server,
        "client refused the TLS handshake (alert: unknown ca)"
    );
}

#[tokio::test]
async fn an_authority_of_the_same_name_is_another() {
    let identity = Ca::new("Harbour CA").signs_for(&["localhost"]);
    let (kind, text, _) = fails(
        identity.server(),
        &trusting(&Ca::new("Harbour CA").pem),
        localhost(),
    )
    .await;
    assert_eq!(kind, TlsErrorKind::BadCertificate);
    assert_eq!(
        text,
        "certificate is signed with another key than that of the trusted authority"
    );
}

#[tokio::test]
async fn self_signed_is_told_apart_and_can_be_trusted() {
    for is_ca in [
        IsCa::NoCa,
        IsCa::ExplicitNoCa,
        IsCa::Ca(BasicConstraints::Unconstrained),
    ] {
        let mut params = for_names(&["localhost"]);
        params.is_ca = is_ca;
        let identity = self_signed(&params);
        let (kind, text, _) = fails(identity.server(), &stranger(), localhost()).await;
        assert_eq!(kind, TlsErrorKind::SelfSigned);
        assert_eq!(
            text,
            "certificate is self-signed; trust it as an extra CA, or skip verification"
        );
        succeeds(identity.server(), &trusting(&identity.chain), localhost()).await;
        let only = trusting(&identity.chain).without_system_roots();
        succeeds(identity.server(), &only, localhost()).await;

        // Its name and its dates still count.
        let (kind, ..) = fails(
            identity.server(),
            &trusting(&identity.chain),
            domain("a.example"),
        )
        .await;
        assert_eq!(kind, TlsErrorKind::WrongName);
        params.not_after = date_time_ymd(2020, 2, 29);
        let old = self_signed(&params);
        let client = trusting(&old.chain);
        for client in [client.clone().without_system_roots(), client] {
            let (kind, ..) = fails(old.server(), &client, localhost()).await;
            assert_eq!(kind, TlsErrorKind::Expired);
        }
    }
}

#[tokio::test]
async fn the_dates_count() {
    let ca = Ca::new("Harbour CA");
    let mut params = for_names(&["localhost"]);
    params.not_after = date_time_ymd(2020, 2, 29);
    let (kind, text, server) =
        fails(ca.signs(&params).server(), &trusting(&ca.pem), localhost()).await;
    assert_eq!(kind, TlsErrorKind::Expired);
    assert_eq!(
        text,
        "certificate expired on 2020-02-29; check the clock, or skip verification"
    );
    assert_eq!(
        server,
        "client refused the TLS handshake (alert: certificate expired)"
    );

    let mut params = for_names(&["localhost"]);
    params.not_before = date_time_ymd(3000, 1, 1);
    let (kind, text, _) = fails(ca.signs(&params).server(), &trusting(&ca.pem), localhost()).await;
    assert_eq!(kind, TlsErrorKind::NotYetValid);
    assert_eq!(
        text,
        "certificate is not valid before 3000-01-01; check the clock"
    );
}

#[tokio::test]
async fn the_name_counts() {
    let ca = Ca::new("Harbour CA");
    let remedy = "use one of its names, or skip verification";
    let wanted_and_held: [(Host, &[&str], &str); 4] = [
        (
            localhost(),
            &["a.example", "*.b.example"],
            "localhost, only for a.example, *.b.example",
        ),
        (
            Host::Ipv4([127, 0, 0, 1].into()),
            &["localhost"],
            "127.0.0.1, only for localhost",
        ),
        (localhost(), &["127.0.0.1"], "localhost, only for 127.0.0.1"),
        (localhost(), &[], "localhost, and names no host at all"),
    ];
    for (host, names, expected) in wanted_and_held {
        let (kind, text, _) = fails(ca.signs_for(names).server(), &trusting(&ca.pem), host).await;
        assert_eq!(kind, TlsErrorKind::WrongName);
        assert_eq!(
            text,
            format!("certificate is not valid for {expected}; {remedy}")
        );
    }
}

#[tokio::test]
async fn the_purpose_counts() {
    let ca = Ca::new("Harbour CA");
    let mut params = for_names(&["localhost"]);
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let (kind, text, _) = fails(ca.signs(&params).server(), &trusting(&ca.pem), localhost()).await;
    assert_eq!(
        (kind, text.as_str()),
        (
            TlsErrorKind::BadCertificate,
            "certificate is not meant for servers"
        )
    );
}

#[tokio::test]
async fn verification_can_be_skipped_and_encrypts_all_the_same() {
    let mut params = for_names(&["a.example"]);
    params.not_after = date_time_ymd(2020, 2, 29);
    let identity = self_signed(&params);
    let client = Tls::client().danger_accept_any_certificate();
    assert!(!client.is_verified() && Tls::client().is_verified());
    let (mut client, mut server) = succeeds(identity.server(), &client, localhost()).await;
    echoes(&mut client, &mut server).await;
    let info = client.tls_info().expect("a session");
    assert_eq!((info.version, info.verified), ("TLS 1.3", false));
}

#[tokio::test]
async fn skipping_verification_still_asks_for_the_key_of_the_certificate() {
    let [shown, held] = [(); 2].map(|()| self_signed(&for_names(&["localhost"])));
    let (chain, _) = shown.decoded();
    let (_, key) = held.decoded();
    let key = ring::sign::any_supported_type(&key).expect("a key");
    let resolver = SingleCertAndKey::from(CertifiedKey::new(chain, key));
    let (listener, addr) = listen().await;
    let server = tokio::spawn(async move {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(resolver));
        let (tcp, _) = listener.accept().await.expect("a client");
        TlsAcceptor::from(Arc::new(config))
            .accept(tcp)
            .await
            .expect_err("no handshake");
    });
    let client = Tls::client().danger_accept_any_certificate();
    let tcp = TcpStream::connect(addr).await.expect("a connection");
    let error = client
        .connect(&localhost(), tcp)
        .await
        .expect_err("an impostor");
    assert_eq!(error.kind(), TlsErrorKind::BadCertificate);
    assert_eq!(
        error.to_string(),
        "server does not hold the private key of its certificate"
    );
    server.await.expect("the server");
}

#[tokio::test]
async fn offers_http_1_1_and_names_the_host_unless_it_is_an_address() {
    let named = [
        (localhost(), Some("localhost")),
        (domain("localhost."), Some("localhost")),
    ];
    let address = (Host::Ipv4([127, 0, 0, 1].into()), None);
    for (host, expected) in named.into_iter().chain([address]) {
        let (name, alpn) = hello(&stranger(), &host).await;
        assert_eq!(name.as_deref(), expected);
        assert_eq!(alpn, [b"http/1.1"]);
    }
}

#[tokio::test]
async fn clones_resume_each_others_sessions() {
    let ca = Ca::new("Harbour CA");
    let acceptor = other_config(&ca, rustls::ALL_VERSIONS, &[]);
    let (listener, addr) = listen().await;
    let server = tokio::spawn(async move {
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let (tcp, _) = listener.accept().await.expect("a client");
            let mut stream = acceptor.accept(tcp).await.expect("a handshake");
            kinds.push(stream.get_ref().1.handshake_kind());
            // The client reads this after the tickets for its next session.
            stream.write_all(b"!").await.expect("a write");
            stream.shutdown().await.expect("an end");
        }
        kinds
    });
    let client = trusting(&ca.pem);
    for client in [client.clone(), client] {
        let tcp = TcpStream::connect(addr).await.expect("a connection");
        let mut stream = Stream::from(
            client
                .connect(&localhost(), tcp)
                .await
                .expect("a handshake"),
        );
        stream.read_to_end(&mut Vec::new()).await.expect("an end");
        assert!(stream.tls_info().expect("a session").verified);
    }
    let kinds = server.await.expect("the server");
    assert_eq!(
        kinds,
        [Some(HandshakeKind::Full), Some(HandshakeKind::Resumed)]
    );
}

#[tokio::test]
async fn the_roots_of_the_system_are_loaded_or_missed() {
    let identity = Ca::new("Harbour CA").signs_for(&["localhost"]);
    let (client, _) = handshake(identity.server(), &Tls::client(), localhost()).await;
    let error = client.expect_err("no system trusts this");
    let kinds = [TlsErrorKind::UnknownIssuer, TlsErrorKind::NoRoots];
    assert!(kinds.contains(&error.kind()), "{error}");
}

#[tokio::test]
async fn its_futures_can_move_between_threads() {
    fn assert_send(_: impl Send) {}
    let (_listener, addr) = listen().await;
    let [one, two] = [
        TcpStream::connect(addr).await,
        TcpStream::connect(addr).await,
    ];
    assert_send(stranger().connect(&localhost(), one.expect("a connection")));
    let server = self_signed(&for_names(&["localhost"])).server();
    assert_send(server.accept(two.expect("a connection")));
}

#[tokio::test]
async fn speaks_tls_1_2_too() {
    let ca = Ca::new("Harbour CA");
    let stream = other_server(&trusting(&ca.pem), &ca, &[&rustls::version::TLS12], &[]).await;
    let info = stream.expect("a handshake").info();
    assert_eq!(info.version, "TLS 1.2");
    assert!(info.cipher.starts_with("TLS_ECDHE_"), "{}", info.cipher);
}

#[tokio::test]
async fn a_server_of_http_2_alone_is_incompatible() {
    let ca = Ca::new("Harbour CA");
    let result = other_server(&trusting(&ca.pem), &ca, rustls::ALL_VERSIONS, &[b"h2"]).await;
    let error = result.expect_err("no protocol in common");
    assert_eq!(error.kind(), TlsErrorKind::Incompatible);
    assert_eq!(
        error.to_string(),
        "no application protocol (ALPN) in common with the server (alert: no application protocol)"
    );
}

#[tokio::test]
async fn a_server_without_tls_is_recognized() {
    let replies: [&[u8]; 4] = [
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"220 mail.example ESMTP\r\n",
        b"\0\0\0\0\0\0\0\0",
    ];
    for reply in replies {
        let (kind, text) = fails_against(reply).await;
        assert_eq!(kind, TlsErrorKind::NotTls, "{text}");
        assert_eq!(
            text,
            "server does not speak TLS on this port; try a plain connection, or another port"
        );
    }
}

#[tokio::test]
async fn a_client_without_tls_is_recognized() {
    let (listener, addr) = listen().await;
    let mut client = TcpStream::connect(addr).await.expect("a connection");
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .expect("a request");
    let (tcp, _) = listener.accept().await.expect("a client");
    let server = self_signed(&for_names(&["localhost"])).server();
    let error = server.accept(tcp).await.expect_err("no TLS");
    assert_eq!(error.kind(), TlsErrorKind::NotTls);
    assert!(
        error.to_string().starts_with("client does not speak TLS"),
        "{error}"
    );
}

#[tokio::test]
async fn alerts_are_named() {
    let alerts: [(&[u8], _, _); 5] = [
        (
            b"\x15\x03\x01\0\x02\x02\x46",
            TlsErrorKind::OldVersion,
            "server supports neither TLS 1.2 nor TLS 1.3 (alert: protocol version)",
        ),
        (
            b"\x15\x03\x03\0\x02\x02\x47",
            TlsErrorKind::Incompatible,
            "no TLS cipher in common with the server (alert: insufficient security)",
        ),
        (
            b"\x15\x03\x03\0\x02\x02\x28",
            TlsErrorKind::Refused,
            "server refused the TLS handshake (alert: handshake failure)",
        ),
        (
            b"\x15\x03\x03\0\x02\x02\x70",
            TlsErrorKind::Refused,
            "server refused the TLS handshake (alert: unrecognised name)",
        ),
        (
            b"\x15\x03\x03\0\x02\x02\xc8",
            TlsErrorKind::Refused,
            "server refused the TLS handshake (alert: number 200)",
        ),
    ];
    for (reply, kind, text) in alerts {
        assert_eq!(fails_against(reply).await, (kind, text.to_owned()));
    }
}

#[tokio::test]
async fn an_answer_in_tls_1_0_is_too_old() {
    const HELLO: &[u8] = b"\x16\x03\x01\0\x2a\x02\0\0\x26\x03\x01\
        0123456789abcdef0123456789abcdef\0\0\x2f\0";
    let (kind, text) = fails_against(HELLO).await;
    assert_eq!(
        (kind, text.as_str()),
        (
            TlsErrorKind::OldVersion,
            "server supports neither TLS 1.2 nor TLS 1.3"
        )
    );
}

#[tokio::test]
async fn a_broken_rule_is_told_apart() {
    // A server hello of one byte.
    let (kind, text) = fails_against(b"\x16\x03\x03\0\x05\x02\0\0\x01\0").await;
    assert_eq!(kind, TlsErrorKind::Protocol);
    assert!(
        text.starts_with("server broke the rules of TLS: "),
        "{text}"
    );
}

#[tokio::test]
async fn an_early_end_is_an_error() {
    let expected = "server closed the connection during the TLS handshake";
    assert_eq!(
        fails_against(b"").await,
        (TlsErrorKind::UnexpectedEnd, expected.to_owned())
    );
}

#[tokio::test]
async fn a_reset_is_an_error() {
    let (listener, addr) = listen().await;
    let server = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.expect("a client");
        read_hello(&mut tcp).await;
        tcp.set_zero_linger().expect("an option");
    });
    let tcp = TcpStream::connect(addr).await.expect("a connection");
    let error = stranger()
        .connect(&localhost(), tcp)
        .await
        .expect_err("a reset");
    server.await.expect("the server");
    assert_eq!(error.kind(), TlsErrorKind::Reset);
    assert_eq!(
        error.to_string(),
        "server reset the connection during the TLS handshake"
    );
    assert!(
        error
            .source()
            .is_some_and(|source| source.is::<std::io::Error>())
    );
}

#[tokio::test]
async fn a_server_that_closes_at_once_is_an_error() {
    let (listener, addr) = listen().await;
    let tcp = TcpStream::connect(addr).await.expect("a connection");
    drop(listener.accept().await.expect("a client"));
    let error = stranger()
        .connect(&localhost(), tcp)
        .await
        .expect_err("nobody there");
    assert!(
        matches!(
            error.kind(),
            TlsErrorKind::UnexpectedEnd | TlsErrorKind::Reset
        ),
        "{error}"
    );
}

#[tokio::test]
async fn an_end_without_close_notify_reads_as_the_end() {
    let ca = Ca::new("Harbour CA");
    let identity = ca.signs_for(&["localhost"]);
    let (mut client, mut server) =
        succeeds(identity.server(), &trusting(&ca.pem), localhost()).await;
    echoes(&mut client, &mut server).await;
    drop(server);
    assert_eq!(client.read(&mut [0; 1]).await.expect("an end"), 0);
}

/// Both faces of a client take leave of TLS, too: some servers report anything else as an attack.
#[tokio::test]
async fn a_client_ends_with_close_notify() {
    let ca = Ca::new("Harbour CA");
    for with_handler in [true, false] {
        let (listener, addr) = listen().await;
        let acceptor = other_config(&ca, rustls::DEFAULT_VERSIONS, &[b"http/1.1"]);
        let server = tokio::spawn(async move {
            let (tcp, _) = listener.accept().await.expect("a client");
            let tls = acceptor.accept(tcp).await;
            let mut tls = answer(tls.expect("TLS")).await;
            tls.write_all(&frame(CLOSE, &closing(1000, "")))
                .await
                .expect("a write");
            // Rustls says UnexpectedEof to an end without close_notify.
            let mut rest = Vec::new();
            let end = tls.read_to_end(&mut rest).await.map(drop);
            tls.shutdown().await.map(|()| end)
        });
        let client = Client::builder().tls(trusting(&ca.pem)).build();
        let uri = format!("wss://localhost:{}/", addr.port());
        let request = client.request(&uri).expect("a URI");
        if with_handler {
            within(request.start().closed()).await;
        } else {
            let mut ws = within(request.connect()).await.expect("a connection");
            assert_eq!(within(ws.recv()).await, Ok(None));
        }
        let ended = within(server)
            .await
            .expect("no panic")
            .expect("a close_notify");
        ended.expect("an end that was announced");
    }
}

#[tokio::test]
async fn a_shutdown_reads_as_the_end() {
    let ca = Ca::new("Harbour CA");
    let identity = ca.signs_for(&["localhost"]);
    let (mut client, mut server) =
        succeeds(identity.server(), &trusting(&ca.pem), localhost()).await;
    server.shutdown().await.expect("an end");
    assert_eq!(client.read(&mut [0; 1]).await.expect("an end"), 0);
}

#[tokio::test]
async fn a_host_name_that_cannot_be_certified_is_an_error() {
    let (_listener, addr) = listen().await;
    let tcp = TcpStream::connect(addr).await.expect("a connection");
    let error = stranger()
        .connect(&domain("a b"), tcp)
        .await
        .expect_err("not a name");
    assert_eq!(error.kind(), TlsErrorKind::InvalidHost);
    assert_eq!(
        error.to_string(),
        "host name \"a b\" cannot be in a certificate"
    );
}

#[test]
fn errors_name_the_ca_file() {
    let add = |path: &PathBuf| Tls::client().add_ca_file(path).expect_err("no CA");
    let missing = PathBuf::from("/nonexistent/ca.pem");
    let error = add(&missing);
    assert_eq!(error.kind(), TlsErrorKind::Unreadable);
    assert_eq!(error.to_string(), "CA file /nonexistent/ca.pem: not found");

    let own = self_signed(&for_names(&["localhost"]));
    let cut = &own.chain[..own.chain.len() / 2];
    let not_base64 = own.chain.replace("MII", "M!I");
    let not_der = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let faults = [
        (
            "empty",
            "",
            TlsErrorKind::NoCertificate,
            "no certificate in PEM form",
        ),
        (
            "key",
            own.key.as_str(),
            TlsErrorKind::NoCertificate,
            "no certificate in PEM form",
        ),
        (
            "cut",
            cut,
            TlsErrorKind::Malformed,
            "malformed PEM, a section has no end line",
        ),
        (
            "base64",
            &not_base64,
            TlsErrorKind::Malformed,
            "malformed PEM, what is between the lines is not base64",
        ),
        (
            "der",
            not_der,
            TlsErrorKind::Malformed,
            "certificate is damaged",
        ),
    ];
    for (name, contents, kind, expected) in faults {
        let file = File::new(name, contents);
        let error = add(&file.0);
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(
            error.to_string(),
            format!("CA file {}: {expected}", file.0.display())
        );
    }
    let good = File::new("good", &own.chain);
    Tls::client().add_ca_file(&good.0).expect("a CA");
}

#[test]
fn errors_tell_what_a_server_lacks() {
    let [one, two] = [(); 2].map(|()| self_signed(&for_names(&["localhost"])));
    let encrypted = one.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let bad_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let faults = [
        (
            "",
            one.key.as_str(),
            TlsErrorKind::NoCertificate,
            "server certificate: no certificate in PEM form",
        ),
        (
            &one.chain,
            "",
            TlsErrorKind::NoKey,
            "server key: no private key in PEM form",
        ),
        (
            &one.chain,
            &encrypted,
            TlsErrorKind::NoKey,
            "server key: the private key is encrypted with a password",
        ),
        (
            &one.chain,
            &two.key,
            TlsErrorKind::KeyMismatch,
            "server certificate: the private key belongs to another certificate",
        ),
        (
            &one.chain,
            bad_key,
            TlsErrorKind::Malformed,
            "server certificate: the private key is of an unknown kind or damaged",
        ),
    ];
    for (chain, key, kind, expected) in faults {
        let error = ServerTls::from_pem(chain.as_bytes(), key.as_bytes()).expect_err("no server");
        assert_eq!((error.kind(), error.to_string().as_str()), (kind, expected));
    }
    let (chain, key) = (
        File::new("chain", &one.chain),
        File::new("own-key", &one.key),
    );
    ServerTls::from_files(&chain.0, &key.0).expect("a server");
    let error = ServerTls::from_files(&chain.0, "/nonexistent/key.pem").expect_err("no key");
    assert_eq!(
        error.to_string(),
        "key file /nonexistent/key.pem: not found"
    );
}
