//! Attacks in the TLS handshake, in front of everything else.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use bowsprit::{Config, Server, ServerBuilder, ServerTls};
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto::ring,
};

use super::ground::{Face, Held, allow_descriptors, attack_seen_by, client, shake_hands};

const HALF_OPEN: usize = 300;

/// A server's certificate for "localhost", and whoever trusts it.
struct Identity {
    own: CertifiedKey<KeyPair>,
    trusting: Arc<ClientConfig>,
}

impl Identity {
    fn new() -> Self {
        let own = generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let mut roots = RootCertStore::empty();
        roots.add(own.cert.der().clone()).expect("a root");
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions");
        let trusting = builder.with_root_certificates(roots).with_no_client_auth();
        Self {
            own,
            trusting: Arc::new(trusting),
        }
    }

    fn server(&self, config: Config) -> ServerBuilder {
        let (chain, key) = (self.own.cert.pem(), self.own.signing_key.serialize_pem());
        let tls = ServerTls::from_pem(chain.as_bytes(), key.as_bytes()).expect("an identity");
        Server::builder().config(config).tls(tls)
    }

    /// A client that does no more than TLS, once the server has taken it.
    fn encrypted(&self, address: SocketAddr) -> StreamOwned<ClientConnection, TcpStream> {
        let name = "localhost".try_into().expect("a name");
        let session = ClientConnection::new(self.trusting.clone(), name).expect("a session");
        StreamOwned::new(session, client(address))
    }

    fn assert_echoes(&self, address: SocketAddr) {
        let mut stream = self.encrypted(address);
        shake_hands(&mut stream, "");
        stream.write_all(b"\x81\x85\0\0\0\0still").expect("a write");
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).expect("an echo");
        assert_eq!(&answer, b"\x81\x05still");
    }

    fn attack(&self, config: Config, attackers: impl FnOnce(SocketAddr)) -> Held {
        let serves = |address| self.assert_echoes(address);
        attack_seen_by(serves, Face::Handlers, self.server(config), attackers)
    }

    /// What each of many clients costs that sends this and nothing more, while another is served.
    fn half_open(&self, beginning: &[u8]) -> u64 {
        allow_descriptors(4096);
        let held = self.attack(Config::server(), |address| {
            let stuck: Vec<_> = (0..HALF_OPEN)
                .map(|_| {
                    let mut stuck = client(address);
                    // Who is turned away has not cost much.
                    let _ = stuck.write_all(beginning);
                    stuck
                })
                .collect();
            self.assert_echoes(address);
            drop(stuck);
        });
        held.most / HALF_OPEN as u64
    }
}

/// A handshake record of so many bytes, the first of which say that the hello is longer than all of it.
fn hello(declared: u32, len: u16) -> Vec<u8> {
    let mut record = vec![0x16, 3, 1];
    record.extend(len.to_be_bytes());
    record.push(1);
    record.extend(&declared.to_be_bytes()[1..]);
    record.resize(5 + usize::from(len), 0);
    record
}

#[test]
fn a_half_open_tls_handshake_costs_little_until_it_says_something() {
    let identity = Identity::new();
    let silent = identity.half_open(b"");
    let speaking = identity.half_open(&hello(500, 500)[..50]);
    assert!(silent < 4 * 1024, "{silent}");
    assert!(speaking < 14 * 1024, "{speaking}");
}

#[test]
fn a_hello_may_be_no_longer_than_rustls_lets_it() {
    let identity = Identity::new();
    // What a header of a record or of a message declares is refused before it comes.
    let declared = identity.half_open(&hello(0xFF_FFFF, 16_384));
    // As large as it may be, without its end.
    let mut endless = hello(0xFFFF, 16_384);
    for _ in 0..4 {
        endless.extend([0x16, 3, 1, 0x40, 0]);
        endless.resize(endless.len() + 16_384, 0);
    }
    let large = identity.half_open(&endless[..65_000]);
    assert!(declared < 4 * 1024, "{declared}");
    assert!(large < 72 * 1024, "{large}");
}

#[test]
fn a_tls_handshake_has_one_deadline_however_the_client_drips() {
    let mut config = Config::server();
    config.timeouts.open = Duration::from_secs(3);
    let held = Identity::new().attack(config, |address| {
        let drip = |bytes: Vec<u8>| {
            let mut stream = client(address);
            for byte in bytes.into_iter().cycle() {
                thread::sleep(Duration::from_millis(10));
                if stream.write_all(&[byte]).is_err() {
                    break;
                }
            }
        };
        thread::scope(|scope| {
            scope.spawn(move || drip(hello(16_000, 16_380)));
            // Nothing at all is the slowest.
            let mut silent = client(address);
            let mut answer = Vec::new();
            silent.read_to_end(&mut answer).expect("an end");
            assert!(answer.is_empty());
        });
    });
    assert!(held.most < 64 * 1024, "{held:?}");
}

#[test]
fn plain_http_to_a_port_of_tls_is_refused() {
    let held = Identity::new().attack(Config::server(), |address| {
        let mut plain = client(address);
        plain
            .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .expect("a write");
        let mut answer = Vec::new();
        // What was not read makes the end a reset.
        let _ = plain.read_to_end(&mut answer);
        // At most an alert of TLS.
        assert!(!answer.starts_with(b"HTTP/") && answer.len() < 16);
    });
    assert!(held.most < 64 * 1024, "{held:?}");
}
