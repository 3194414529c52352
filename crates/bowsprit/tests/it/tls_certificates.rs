//! TLS: who is who. Certificates of clients, chains with a gap, pinned certificates, and what is told of
//! the peer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use bowsprit::{
    CertificateName, Client, ConnectError, Server, ServerTls, Stream, Tls, TlsError, TlsErrorKind,
    TlsInfo,
    proto::handshake::{Accept, Response},
};
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType,
    date_time_ymd,
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, AlertDescription, ServerConfig, SupportedProtocolVersion};

use super::support::{Echo, run, within};
use super::tls_support::{
    Ca, Identity, called, domain, echoes, fails, for_names, handshake, listen, localhost,
    other_client, roots, self_signed, stranger, succeeds, trusting,
};

/// A server that trusts one authority for its own certificate and another for those of clients.
struct Harbour {
    ca: Ca,
    crews: Ca,
}

impl Harbour {
    fn new() -> Self {
        Self {
            ca: Ca::new("Harbour CA"),
            crews: Ca::new("Crews CA"),
        }
    }

    fn server(&self) -> ServerTls {
        self.ca.signs_for(&["localhost"]).server()
    }

    fn demanding(&self) -> ServerTls {
        let server = self.server();
        let asked = server.require_client_certificates(self.crews.pem.as_bytes());
        asked.expect("an authority")
    }

    fn client(&self) -> Tls {
        trusting(&self.ca.pem)
    }

    fn mate(&self) -> Identity {
        self.crews.signs(&mate())
    }

    /// A server of rustls' own making that demands certificates over this version alone.
    fn other(&self, version: &'static SupportedProtocolVersion) -> TlsAcceptor {
        let roots = Arc::new(roots(&self.crews.pem));
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone()).build();
        let (chain, key) = self.ca.signs_for(&["localhost"]).decoded();
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_client_cert_verifier(verifier.expect("a verifier"))
            .with_single_cert(chain, key);
        TlsAcceptor::from(Arc::new(config.expect("a configuration")))
    }
}

fn mate() -> CertificateParams {
    let mut params = called("First Mate");
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Crew");
    let email = "mate@ship.example".try_into().expect("a name");
    params.subject_alt_names = vec![SanType::Rfc822Name(email)];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn info(stream: &Stream) -> TlsInfo {
    stream.tls_info().expect("a session")
}

fn assert_is_mate(info: &TlsInfo) {
    assert!(info.verified);
    let peer = info.peer.as_deref().expect("a certificate");
    assert_eq!(peer.subject, "O=Crew,CN=First Mate");
    assert_eq!(peer.issuer, "CN=Crews CA");
    let email = CertificateName::Email("mate@ship.example".into());
    assert_eq!(peer.names, [email]);
}

/// Opens a WebSocket to this server of ours; the client's error, and what the server logged of it.
async fn open_fails(server: ServerTls, client: Tls) -> (TlsErrorKind, String) {
    let running = run(Server::builder().tls(server), || Echo).await;
    let uri = format!("wss://localhost:{}/", running.address().port());
    let client = Client::builder().tls(client).build();
    let request = client.request(&uri).expect("a URI");
    let error = within(request.connect()).await.expect_err("no connection");
    match error {
        ConnectError::Tls(error) => (error.kind(), error.to_string()),
        other => panic!("not an error of TLS: {other:?}"),
    }
}

#[tokio::test]
async fn a_client_shows_its_certificate_to_a_server_that_demands_one() {
    let harbour = Harbour::new();
    let client = harbour.mate().shown_by(harbour.client());
    let (mut client, mut server) = succeeds(harbour.demanding(), &client, localhost()).await;
    echoes(&mut client, &mut server).await;
    assert_is_mate(&info(&server));
    assert_eq!(info(&client).version, "TLS 1.3");
}

#[tokio::test]
async fn client_certificates_work_in_both_versions_and_both_roles() {
    let harbour = Harbour::new();
    for (version, name) in [(&TLS12, "TLS 1.2"), (&TLS13, "TLS 1.3")] {
        let (listener, addr) = listen().await;
        let acceptor = harbour.other(version);
        let server = tokio::spawn(async move {
            let (tcp, _) = listener.accept().await.expect("a client");
            let stream = acceptor.accept(tcp).await.expect("a handshake");
            stream.get_ref().1.peer_certificates().map(<[_]>::len)
        });
        let tcp = TcpStream::connect(addr).await.expect("a connection");
        let client = harbour.mate().shown_by(harbour.client());
        let stream = within(client.connect(&localhost(), tcp)).await;
        assert_eq!(stream.expect("a handshake").info().version, name);
        assert_eq!(within(server).await.expect("the server"), Some(1));

        let (listener, addr) = listen().await;
        let connector = other_client(&harbour.ca, version, Some(&harbour.mate()));
        let client = tokio::spawn(async move {
            let tcp = TcpStream::connect(addr).await.expect("a connection");
            let name = ServerName::try_from("localhost").expect("a name");
            connector.connect(name, tcp).await.expect("a handshake")
        });
        let (tcp, _) = listener.accept().await.expect("a client");
        let stream = within(harbour.demanding().accept(tcp)).await;
        let seen = stream.expect("a handshake").info();
        assert_is_mate(&seen);
        assert_eq!(seen.version, name);
        within(client).await.expect("the client");
    }
}

#[tokio::test]
async fn the_servers_hook_sees_who_the_client_is() {
    let harbour = Harbour::new();
    let server = Server::builder().tls(harbour.demanding());
    let server = server.validate(|request| async move {
        let peer = request.tls().and_then(|tls| tls.peer.as_deref());
        match peer {
            Some(peer) if peer.subject == "O=Crew,CN=First Mate" => Ok(Accept::default()),
            _ => Err(Response::new(403).expect("a status")),
        }
    });
    let running = run(server, || Echo).await;
    let port = running.address().port();
    let sailor = harbour.crews.signs(&called("Sailor"));
    for (identity, welcome) in [(harbour.mate(), true), (sailor, false)] {
        let client = identity.shown_by(harbour.client());
        let client = Client::builder().tls(client).build();
        let request = client.request(&format!("wss://localhost:{port}/"));
        let opened = within(request.expect("a URI").connect()).await;
        assert_eq!(opened.is_ok(), welcome, "{:?}", opened.err());
    }
}

/// The server's alert comes after the client's handshake, and behind it the end or a reset of TCP.
#[tokio::test]
async fn a_demanded_certificate_that_is_missing_is_told_in_tls_1_3() {
    let harbour = Harbour::new();
    for _ in 0..20 {
        let (kind, text) = open_fails(harbour.demanding(), harbour.client()).await;
        assert_eq!(kind, TlsErrorKind::ClientCertificateRequired, "{text}");
        assert_eq!(
            text,
            "server demands a client certificate (alert: certificate required); \
             give the client a certificate and its key"
        );
    }
    let (_, server) = handshake(harbour.demanding(), &harbour.client(), localhost()).await;
    let error = server.expect_err("no handshake");
    assert_eq!(error.kind(), TlsErrorKind::ClientCertificateRequired);
    assert_eq!(error.to_string(), "client presented no certificate");
}

/// A server that is gone before it has read the request; it may have left something to read.
struct Gone<R>(R);

impl<R: AsyncRead + Unpin> AsyncRead for Gone<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<R: Unpin> AsyncWrite for Gone<R> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Reads as rustls does when an alert has come.
struct Alert(AlertDescription);

impl AsyncRead for Alert {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let error = rustls::Error::AlertReceived(self.0);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)))
    }
}

async fn shake_hands_with(io: impl AsyncRead + Unpin + Send + 'static) -> ConnectError {
    let request = Client::new().request("ws://in.memory/").expect("a URI");
    let connected = within(request.connect_on(Gone(io))).await;
    connected.err().expect("nobody there")
}

#[tokio::test]
async fn what_a_server_said_before_it_went_away_is_the_error() {
    let error = shake_hands_with(Alert(AlertDescription::CertificateRequired)).await;
    let ConnectError::Tls(error) = error else {
        panic!("not an error of TLS: {error:?}");
    };
    assert_eq!(error.kind(), TlsErrorKind::ClientCertificateRequired);
    let busy = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    let error = shake_hands_with(&busy[..]).await;
    assert_eq!(
        error.to_string(),
        "server answered with HTTP 503 Service Unavailable"
    );
    let error = shake_hands_with(&b""[..]).await;
    let ConnectError::Io(error) = error else {
        panic!("not an error of the transport: {error:?}");
    };
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn a_demanded_certificate_that_is_missing_is_told_in_tls_1_2() {
    let harbour = Harbour::new();
    let (listener, addr) = listen().await;
    let acceptor = harbour.other(&TLS12);
    let server = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.expect("a client");
        acceptor.accept(tcp).await.expect_err("no handshake");
    });
    let tcp = TcpStream::connect(addr).await.expect("a connection");
    let error = within(harbour.client().connect(&localhost(), tcp)).await;
    let error = error.expect_err("no handshake");
    assert_eq!(
        error.kind(),
        TlsErrorKind::ClientCertificateRequired,
        "{error}"
    );
    within(server).await.expect("the server");

    let (listener, addr) = listen().await;
    let connector = other_client(&harbour.ca, &TLS12, None);
    let client = tokio::spawn(async move {
        let tcp = TcpStream::connect(addr).await.expect("a connection");
        let name = ServerName::try_from("localhost").expect("a name");
        connector
            .connect(name, tcp)
            .await
            .expect_err("no handshake");
    });
    let (tcp, _) = listener.accept().await.expect("a client");
    let error = within(harbour.demanding().accept(tcp)).await;
    let error = error.expect_err("no handshake");
    assert_eq!(
        error.kind(),
        TlsErrorKind::ClientCertificateRequired,
        "{error}"
    );
    within(client).await.expect("the client");
}

/// Whoever reads first learns it, whatever the alert.
#[tokio::test]
async fn a_client_that_showed_no_certificate_is_told_so_when_it_reads() {
    let harbour = Harbour::new();
    let pirate = Ca::new("Pirates CA").signs(&mate());
    for (client, showed_none) in [
        (harbour.client(), true),
        (pirate.shown_by(harbour.client()), false),
    ] {
        let (client, server) = handshake(harbour.demanding(), &client, localhost()).await;
        server.expect_err("no handshake");
        let mut stream = Stream::from(client.expect("a handshake, in TLS 1.3"));
        let error = stream.read(&mut [0]).await.expect_err("an alert");
        let inner = error.get_ref().expect("an error of TLS");
        let told = inner.downcast_ref().map(TlsError::kind);
        let expected = showed_none.then_some(TlsErrorKind::ClientCertificateRequired);
        assert_eq!(told, expected, "{inner}");
    }
}

/// Hands on what the two say, but for the description of an alert that is not encrypted.
async fn relay_with_alert(client: TcpStream, server: TcpStream, alert: AlertDescription) {
    const REQUIRED: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 116];
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async move { tokio::io::copy(&mut from_client, &mut to_server).await };
    let up = tokio::spawn(up);
    let down = async {
        let mut record = vec![0; 5];
        loop {
            record.truncate(5);
            from_server.read_exact(&mut record).await?;
            let length = u16::from_be_bytes([record[3], record[4]]);
            record.resize(5 + usize::from(length), 0);
            from_server.read_exact(&mut record[5..]).await?;
            if record == REQUIRED {
                record[6] = alert.into();
            }
            to_client.write_all(&record).await?;
        }
    };
    // The server is the first to go.
    let ended: io::Result<()> = down.await;
    ended.expect_err("the end of the server's records");
    up.abort();
}

/// Servers of TLS 1.2 have no alert for it. OpenSSL's say that the handshake failed.
#[tokio::test]
async fn a_demanded_certificate_is_told_from_a_vague_alert() {
    let harbour = Harbour::new();
    for alert in [
        AlertDescription::HandshakeFailure,
        AlertDescription::BadCertificate,
    ] {
        let (listener, addr) = listen().await;
        let acceptor = harbour.other(&TLS12);
        let server = tokio::spawn(async move {
            let (tcp, _) = listener.accept().await.expect("a client");
            acceptor.accept(tcp).await.expect_err("no handshake");
        });
        let (between, relay_addr) = listen().await;
        let relay = tokio::spawn(async move {
            let (client, _) = between.accept().await.expect("a client");
            let server = TcpStream::connect(addr).await.expect("a connection");
            relay_with_alert(client, server, alert).await;
        });
        let tcp = TcpStream::connect(relay_addr).await.expect("a connection");
        let error = within(harbour.client().connect(&localhost(), tcp)).await;
        let error = error.expect_err("no handshake");
        assert_eq!(
            error.kind(),
            TlsErrorKind::ClientCertificateRequired,
            "{error}"
        );
        within(server).await.expect("the server");
        within(relay).await.expect("the relay");
    }
}

#[tokio::test]
async fn a_client_certificate_of_another_authority_is_refused() {
    let harbour = Harbour::new();
    let pirate = Ca::new("Pirates CA").signs(&mate());
    let client = pirate.shown_by(harbour.client());
    for server in [
        harbour.demanding(),
        harbour
            .server()
            .allow_client_certificates(harbour.crews.pem.as_bytes())
            .expect("an authority"),
    ] {
        let (kind, text) = open_fails(server.clone(), client.clone()).await;
        assert_eq!(kind, TlsErrorKind::ClientCertificateRefused, "{text}");
        assert_eq!(
            text,
            "server does not accept the client certificate (alert: unknown ca)"
        );
        let (_, server) = handshake(server, &client, localhost()).await;
        let error = server.expect_err("no handshake");
        assert_eq!(error.kind(), TlsErrorKind::UnknownIssuer);
        assert_eq!(
            error.to_string(),
            "client's certificate is signed by an unknown authority"
        );
    }

    let (listener, addr) = listen().await;
    let acceptor = harbour.other(&TLS12);
    let server = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.expect("a client");
        acceptor.accept(tcp).await.expect_err("no handshake");
    });
    let tcp = TcpStream::connect(addr).await.expect("a connection");
    let error = within(client.connect(&localhost(), tcp)).await;
    let error = error.expect_err("no handshake");
    assert_eq!(
        error.kind(),
        TlsErrorKind::ClientCertificateRefused,
        "{error}"
    );
    within(server).await.expect("the server");
}

#[tokio::test]
async fn the_dates_and_the_purpose_of_a_client_certificate_count() {
    let harbour = Harbour::new();
    let mut expired = mate();
    expired.not_after = date_time_ymd(2020, 2, 29);
    let mut for_servers = mate();
    for_servers.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let faults = [
        (
            expired,
            TlsErrorKind::Expired,
            "client's certificate expired on 2020-02-29",
        ),
        (
            for_servers,
            TlsErrorKind::BadCertificate,
            "client's certificate is not meant for clients",
        ),
    ];
    for (params, kind, text) in faults {
        let client = harbour.crews.signs(&params).shown_by(harbour.client());
        let (told, _) = open_fails(harbour.demanding(), client.clone()).await;
        assert_eq!(told, TlsErrorKind::ClientCertificateRefused);
        let (_, server) = handshake(harbour.demanding(), &client, localhost()).await;
        let error = server.expect_err("no handshake");
        assert_eq!((error.kind(), error.to_string().as_str()), (kind, text));
    }
}

#[tokio::test]
async fn a_client_may_show_a_certificate_where_it_is_allowed() {
    let harbour = Harbour::new();
    let asking = || {
        let server = harbour.server();
        server
            .allow_client_certificates(harbour.crews.pem.as_bytes())
            .expect("an authority")
    };
    let (_client, server) = succeeds(asking(), &harbour.client(), localhost()).await;
    assert_eq!((info(&server).verified, info(&server).peer), (false, None));
    let client = harbour.mate().shown_by(harbour.client());
    let (_client, server) = succeeds(asking(), &client, localhost()).await;
    assert_is_mate(&info(&server));
    // Nobody is asked where nobody has to.
    let (_client, server) = succeeds(harbour.server(), &client, localhost()).await;
    assert_eq!((info(&server).verified, info(&server).peer), (false, None));
}

#[tokio::test]
async fn a_resumed_session_still_knows_the_client() {
    let harbour = Harbour::new();
    let (server, client) = (
        harbour.demanding(),
        harbour.mate().shown_by(harbour.client()),
    );
    for _ in 0..2 {
        let (mut near, mut far) = succeeds(server.clone(), &client, localhost()).await;
        echoes(&mut near, &mut far).await;
        assert_is_mate(&info(&far));
        assert!(info(&near).peer.is_some());
    }
}

#[tokio::test]
async fn a_missing_intermediate_is_suspected() {
    let root = Ca::new("Root CA");
    let middle = root.delegates_to("Middle CA");
    let alone = middle.signs_for(&["localhost"]);
    let (kind, text, _) = fails(alone.server(), &trusting(&root.pem), localhost()).await;
    assert_eq!(kind, TlsErrorKind::UnknownIssuer);
    assert_eq!(
        text,
        "certificate is signed by an unknown authority (issuer: Middle CA), or the server does not \
         send its intermediate certificates; trust it with an extra CA, or skip verification"
    );
    let whole = alone.and(&middle.pem);
    succeeds(whole.server(), &trusting(&root.pem), localhost()).await;

    // Who sends them is not suspected.
    let (kind, text, _) = fails(whole.server(), &stranger(), localhost()).await;
    assert_eq!(kind, TlsErrorKind::UnknownIssuer);
    assert_eq!(
        text,
        "certificate is signed by an unknown authority (issuer: Root CA); \
         trust it with an extra CA, or skip verification"
    );
}

#[tokio::test]
async fn a_pinned_certificate_is_accepted_and_another_is_not() {
    let ca = Ca::new("Harbour CA");
    let [pinned, other] = [(); 2].map(|()| ca.signs_for(&["localhost"]));
    let client = trusting(&ca.pem);
    let pins = pinned.fingerprint();
    let client = client.pin_sha256(&pins).expect("a fingerprint");
    let (near, _far) = succeeds(pinned.server(), &client, localhost()).await;
    assert!(info(&near).verified);

    let (kind, text, server) = fails(other.server(), &client, localhost()).await;
    assert_eq!(kind, TlsErrorKind::PinMismatch);
    let found = text
        .strip_prefix("certificate is not the pinned one, its SHA-256 fingerprint is ")
        .and_then(|text| text.strip_suffix("; if that is the server's new certificate, pin it"))
        .expect("the fingerprint");
    assert_eq!(found.replace(':', "").to_lowercase(), other.fingerprint());
    assert_eq!(
        server,
        "client refused the TLS handshake (alert: certificate unknown)"
    );

    // What the error says can be handed back, and any of several will do.
    let both = client.pin_sha256(found).expect("a fingerprint");
    for identity in [pinned, other] {
        succeeds(identity.server(), &both, localhost()).await;
    }
}

#[tokio::test]
async fn a_pin_does_not_replace_the_verification() {
    let ca = Ca::new("Harbour CA");
    let identity = ca.signs_for(&["localhost"]);
    let pinned = |client: Tls| client.pin_sha256(&identity.fingerprint()).expect("a pin");
    let (kind, ..) = fails(identity.server(), &pinned(stranger()), localhost()).await;
    assert_eq!(kind, TlsErrorKind::UnknownIssuer);
    let host = domain("a.example");
    let (kind, ..) = fails(identity.server(), &pinned(trusting(&ca.pem)), host).await;
    assert_eq!(kind, TlsErrorKind::WrongName);
}

#[tokio::test]
async fn a_pin_alone_decides_where_verification_is_given_up() {
    let mut params = for_names(&["a.example"]);
    params.not_after = date_time_ymd(2020, 2, 29);
    let [pinned, other] = [(); 2].map(|()| self_signed(&params));
    let client = Tls::client().danger_accept_any_certificate();
    assert!(!client.is_verified());
    let client = client.pin_sha256(&pinned.fingerprint()).expect("a pin");
    assert!(client.is_verified());
    let (near, _far) = succeeds(pinned.server(), &client, localhost()).await;
    assert!(info(&near).verified);
    let (kind, ..) = fails(other.server(), &client, localhost()).await;
    assert_eq!(kind, TlsErrorKind::PinMismatch);
}

/// A session that is resumed is not verified again.
#[tokio::test]
async fn a_new_pin_does_not_resume_an_old_session() {
    let ca = Ca::new("Harbour CA");
    let server = ca.signs_for(&["localhost"]).server();
    let client = trusting(&ca.pem);
    let (mut near, mut far) = succeeds(server.clone(), &client, localhost()).await;
    far.write_all(b"!").await.expect("a write");
    // The tickets for the next session come first.
    near.read_exact(&mut [0]).await.expect("a read");
    let pinned = client.pin_sha256(&ca.signs_for(&["a"]).fingerprint());
    let (kind, ..) = fails(server, &pinned.expect("a pin"), localhost()).await;
    assert_eq!(kind, TlsErrorKind::PinMismatch);
}

#[tokio::test]
async fn a_client_learns_whose_certificate_it_is_and_how_long_it_lasts() {
    let ca = Ca::new("Harbour CA");
    let mut params = for_names(&["localhost", "127.0.0.1", "*.a.example"]);
    params.distinguished_name = called("localhost").distinguished_name;
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2999, 1, 1);
    let identity = ca.signs(&params);
    for client in [
        trusting(&ca.pem),
        Tls::client().danger_accept_any_certificate(),
    ] {
        let (near, _far) = succeeds(identity.server(), &client, localhost()).await;
        let info = info(&near);
        let peer = info.peer.as_deref().expect("a certificate");
        assert_eq!(peer.subject, "CN=localhost");
        assert_eq!(peer.issuer, "CN=Harbour CA");
        let names = [
            CertificateName::Dns("localhost".into()),
            CertificateName::Ip([127, 0, 0, 1].into()),
            CertificateName::Dns("*.a.example".into()),
        ];
        assert_eq!(peer.names, names);
        assert_eq!(peer.not_before, SystemTime::from(params.not_before));
        assert_eq!(peer.not_after, SystemTime::from(params.not_after));
        assert!(peer.days_left(SystemTime::now()) > 300_000);
        let fingerprint = peer.fingerprint().replace(':', "").to_lowercase();
        assert_eq!(fingerprint, identity.fingerprint());
    }
}

/// It is added as the remedy of `SelfSigned` proposes.
#[tokio::test]
async fn a_trusted_self_signed_certificate_that_is_no_ca_signs_for_nobody_else() {
    let mut params = called("Printer");
    params.is_ca = IsCa::ExplicitNoCa;
    let key = KeyPair::generate().expect("a key");
    let pem = params.self_signed(&key).expect("a certificate").pem();
    let issuer = Issuer::new(params, key);
    let forged = KeyPair::generate().expect("a key");
    let mut bank = called("Bank");
    bank.subject_alt_names = for_names(&["bank.example"]).subject_alt_names;
    let chain = bank.signed_by(&forged, &issuer).expect("signed").pem();
    let forged = Identity {
        chain,
        key: forged.serialize_pem(),
    };
    let only = trusting(&pem).without_system_roots();
    // With and without authorities besides.
    for client in [only, trusting(&(Ca::new("Harbour CA").pem + &pem))] {
        let (kind, ..) = fails(forged.server(), &client, domain("bank.example")).await;
        assert_eq!(kind, TlsErrorKind::UnknownIssuer);
    }
}

/// An authority of the same name makes webpki complain of the signature.
#[tokio::test]
async fn a_certificate_that_is_trusted_itself_may_have_an_authoritys_name() {
    let mut params = called("Harbour CA");
    params.subject_alt_names = for_names(&["localhost"]).subject_alt_names;
    let own = self_signed(&params);
    let both = trusting(&(Ca::new("Harbour CA").pem + &own.chain));
    succeeds(own.server(), &both, localhost()).await;
}

/// It would sign for every other client.
#[test]
fn a_clients_own_certificate_is_no_authority_for_clients() {
    let server = Harbour::new().server();
    let mut params = called("deckhand");
    for is_ca in [IsCa::NoCa, IsCa::ExplicitNoCa] {
        params.is_ca = is_ca;
        let pem = Ca::new("Crews CA").pem + &self_signed(&params).chain;
        for ask in [
            ServerTls::require_client_certificates,
            ServerTls::allow_client_certificates,
        ] {
            let error = ask(server.clone(), pem.as_bytes()).expect_err("no authority");
            assert_eq!(error.kind(), TlsErrorKind::Malformed);
            assert_eq!(
                error.to_string(),
                "CA certificate for clients: CN=deckhand is no authority \
                 (basicConstraints without CA:TRUE)"
            );
        }
    }
}

/// Whoever may have a host named in a certificate is not thereby the mate.
#[tokio::test]
async fn kinds_of_names_can_be_told_apart() {
    let crews = Ca::new("Crews");
    let mut params = called("x");
    params.subject_alt_names = vec![
        SanType::URI("mate@ship.example".try_into().expect("ascii")),
        SanType::DnsName("10.0.0.7".try_into().expect("ascii")),
    ];
    let ca = Ca::new("Harbour CA");
    let server = ca.signs_for(&["localhost"]).server();
    let server = server
        .require_client_certificates(crews.pem.as_bytes())
        .expect("a CA");
    let client = crews.signs(&params).shown_by(trusting(&ca.pem));
    let (_client, server) = handshake(server, &client, localhost()).await;
    let info = server.expect("a client").info();
    let names = &info.peer.expect("a peer").names;
    assert_eq!(
        names[..],
        [
            CertificateName::Uri("mate@ship.example".into()),
            CertificateName::Dns("10.0.0.7".into()),
        ]
    );
}
