//! A listener, a runtime, and TLS, for the libraries that begin with a stream.

use std::{
    future::Future,
    io::{self, Write},
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        version::{TLS12, TLS13},
    },
    server::TlsStream,
};

use crate::{Failure, options::Options};

/// Runs one of the two functions for each client, in a task of its own: `plain` without TLS, so that
/// no library pays for a type that could be both.
pub fn serve<P, E, PlainEnd, EncryptedEnd>(options: &Options, plain: P, encrypted: E) -> ExitCode
where
    P: Fn(TcpStream) -> PlainEnd + Send + 'static,
    E: Fn(TlsStream<TcpStream>) -> EncryptedEnd + Clone + Send + 'static,
    PlainEnd: Future<Output = Result<(), Failure>> + Send + 'static,
    EncryptedEnd: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let address = options.address;
    let tls = options.tls.clone();
    run(options, async move {
        let acceptor = match &tls {
            Some((certificate, key)) => Some(acceptor(certificate, key)?),
            None => None,
        };
        let listener = TcpListener::bind(address).await?;
        ready()?;
        loop {
            // A client that has gone before it was accepted is no reason to stop.
            let Ok((tcp, _)) = listener.accept().await else {
                continue;
            };
            tcp.set_nodelay(true)?;
            match &acceptor {
                // How a connection ends is what the load generator looks at.
                None => drop(tokio::spawn(plain(tcp))),
                Some(acceptor) => {
                    let (accept, encrypted) = (acceptor.accept(tcp), encrypted.clone());
                    tokio::spawn(async move {
                        if let Ok(stream) = accept.await {
                            let _ = encrypted(stream).await;
                        }
                    });
                }
            }
        }
    })
}

/// Runs a server on the runtime that the options ask for. It ends only if it cannot start.
pub fn run(
    options: &Options,
    server: impl Future<Output = Result<(), Failure>> + Send + 'static,
) -> ExitCode {
    // In a task, so that with several workers the accepting is done by one of them.
    let end = runtime(options).and_then(|runtime| Ok(runtime.block_on(runtime.spawn(server))?));
    match end.map_err(Failure::from).flatten() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Says that clients may come.
pub fn ready() -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "ready")?;
    output.flush()
}

fn runtime(options: &Options) -> io::Result<Runtime> {
    match options.workers {
        None => Builder::new_current_thread().enable_all().build(),
        Some(count) => Builder::new_multi_thread()
            .worker_threads(count)
            .enable_all()
            .build(),
    }
}

/// As Bowsprit's `ServerTls`: ring, TLS 1.3 and 1.2, ALPN `http/1.1`.
fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, Failure> {
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<_, _>>()?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
