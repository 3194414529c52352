//! Certificates made on the spot, and TLS handshakes over loopback.

use std::error::Error as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use bowsprit::{ServerTls, Stream, Tls, TlsError, TlsErrorKind, TlsStream, proto::Host};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use ring::digest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls::crypto::ring as provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{
    self, ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion,
};
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor, TlsConnector};

use super::support::within;

pub(crate) fn domain(name: &str) -> Host {
    Host::Domain(name.to_owned())
}

pub(crate) fn localhost() -> Host {
    domain("localhost")
}

/// An authority with a name of its own.
pub(crate) struct Ca {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Ca {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = called(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    /// An authority that this one has signed.
    pub(crate) fn delegates_to(&self, name: &str) -> Self {
        let mut params = called(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let signed = params.signed_by(&key, &self.issuer);
        Self {
            pem: signed.expect("a certificate").pem(),
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn signs(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let chain = params
            .signed_by(&key, &self.issuer)
            .expect("a certificate")
            .pem();
        Identity {
            chain,
            key: key.serialize_pem(),
        }
    }

    pub(crate) fn signs_for(&self, names: &[&str]) -> Identity {
        self.signs(&for_names(names))
    }
}

/// What a server or a client shows.
pub(crate) struct Identity {
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Identity {
    /// The same with another certificate behind it.
    pub(crate) fn and(self, pem: &str) -> Self {
        Self {
            chain: self.chain + pem,
            ..self
        }
    }

    /// The SHA-256 fingerprint of the first certificate, as it is written in a command.
    pub(crate) fn fingerprint(&self) -> String {
        let der = CertificateDer::from_pem_slice(self.chain.as_bytes()).expect("a certificate");
        let hash = digest::digest(&digest::SHA256, &der);
        hash.as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    pub(crate) fn shown_by(&self, client: Tls) -> Tls {
        client
            .client_certificate_pem(self.chain.as_bytes(), self.key.as_bytes())
            .expect("an identity")
    }

    pub(crate) fn decoded(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let chain = CertificateDer::pem_slice_iter(self.chain.as_bytes());
        let chain = chain.collect::<Result<_, _>>().expect("a chain");
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key");
        (chain, key)
    }

    pub(crate) fn server(&self) -> ServerTls {
        ServerTls::from_pem(self.chain.as_bytes(), self.key.as_bytes()).expect("a server")
    }
}

/// A certificate of somebody who is called so and is no host.
pub(crate) fn called(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

pub(crate) fn for_names(names: &[&str]) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    CertificateParams::new(names).expect("names")
}

pub(crate) fn self_signed(params: &CertificateParams) -> Identity {
    let key = KeyPair::generate().expect("a key");
    let chain = params.self_signed(&key).expect("a certificate").pem();
    Identity {
        chain,
        key: key.serialize_pem(),
    }
}

pub(crate) fn trusting(pem: &str) -> Tls {
    Tls::client()
        .add_ca_pem(pem.as_bytes())
        .expect("a certificate")
}

/// Trusts nobody in these tests. Holds one root, so that it works on a system without any.
pub(crate) fn stranger() -> Tls {
    trusting(&Ca::new("Nobody's CA").pem)
}

pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let addr = listener.local_addr().expect("its address");
    (listener, addr)
}

/// One handshake; what either end says of it.
pub(crate) async fn handshake(
    server: ServerTls,
    client: &Tls,
    host: Host,
) -> (Result<TlsStream, TlsError>, Result<TlsStream, TlsError>) {
    let (listener, addr) = listen().await;
    let accepted = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.expect("a client");
        server.accept(tcp).await
    });
    let tcp = TcpStream::connect(addr).await.expect("a connection");
    let connected = within(client.connect(&host, tcp)).await;
    (connected, within(accepted).await.expect("the server"))
}

pub(crate) async fn succeeds(server: ServerTls, client: &Tls, host: Host) -> (Stream, Stream) {
    let (client, server) = handshake(server, client, host).await;
    (
        client.expect("a handshake").into(),
        server.expect("a handshake").into(),
    )
}

/// The kind and text of the client's error, and the text of the server's.
pub(crate) async fn fails(
    server: ServerTls,
    client: &Tls,
    host: Host,
) -> (TlsErrorKind, String, String) {
    let (client, server) = handshake(server, client, host).await;
    let (client, server) = (
        client.expect_err("no handshake"),
        server.expect_err("no handshake"),
    );
    assert!(
        client
            .source()
            .is_some_and(|source| source.is::<rustls::Error>()),
        "{client:?}"
    );
    (client.kind(), client.to_string(), server.to_string())
}

/// The name (SNI) and the application protocols (ALPN) that this client sends for `host`.
pub(crate) async fn hello(client: &Tls, host: &Host) -> (Option<String>, Vec<Vec<u8>>) {
    let (listener, addr) = listen().await;
    let server = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.expect("a client");
        let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), tcp).await;
        let start = start.expect("a hello");
        let hello = start.client_hello();
        let alpn = hello.alpn().into_iter().flatten();
        let alpn = alpn.map(<[u8]>::to_vec).collect();
        (hello.server_name().map(str::to_owned), alpn)
    });
    let tcp = TcpStream::connect(addr).await.expect("a connection");
    let gone = within(client.connect(host, tcp)).await;
    gone.expect_err("the server goes away");
    within(server).await.expect("the server")
}

pub(crate) async fn echoes(client: &mut Stream, server: &mut Stream) {
    let mut read = [0; 4];
    client.write_all(b"ahoy").await.expect("a write");
    client.flush().await.expect("a flush");
    server.read_exact(&mut read).await.expect("a read");
    server.write_all(&read).await.expect("a write");
    server.flush().await.expect("a flush");
    client.read_exact(&mut read).await.expect("a read");
    assert_eq!(&read, b"ahoy");
}

/// A server of rustls' own making, for what ours never does.
pub(crate) fn other_config(
    ca: &Ca,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&[u8]],
) -> TlsAcceptor {
    let (chain, key) = ca.signs_for(&["localhost"]).decoded();
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
        .with_protocol_versions(versions)
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a configuration");
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// A client of rustls' own making, which speaks this version alone.
pub(crate) fn other_client(
    ca: &Ca,
    version: &'static SupportedProtocolVersion,
    shown: Option<&Identity>,
) -> TlsConnector {
    let builder = ClientConfig::builder_with_provider(Arc::new(provider::default_provider()))
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_root_certificates(roots(&ca.pem));
    let config = match shown.map(Identity::decoded) {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key).expect("a key"),
        None => builder.with_no_client_auth(),
    };
    TlsConnector::from(Arc::new(config))
}

pub(crate) fn roots(pem: &str) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
    roots.add(certificate).expect("a root");
    roots
}

/// Connects `client` to such a server.
pub(crate) async fn other_server(
    client: &Tls,
    ca: &Ca,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&[u8]],
) -> Result<TlsStream, TlsError> {
    let acceptor = other_config(ca, versions, alpn);
    let (listener, addr) = listen().await;
    let server = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.expect("a client");
        let _ = acceptor.accept(tcp).await;
    });
    let tcp = TcpStream::connect(addr).await.expect("a connection");
    let result = within(client.connect(&localhost(), tcp)).await;
    within(server).await.expect("the server");
    result
}

/// A file in the temporary directory, gone at the end of the test.
pub(crate) struct File(pub(crate) PathBuf);

impl File {
    pub(crate) fn new(name: &str, contents: &str) -> Self {
        let path = std::env::temp_dir().join(format!("bowsprit-{}-{name}", std::process::id()));
        std::fs::write(&path, contents).expect("a file");
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
