//! TLS for both roles.

use std::sync::Arc;

use tokio_rustls::{
    TlsAcceptor, TlsConnector,
    rustls::{
        ClientConfig, RootCertStore, ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use crate::Failure;

pub fn acceptor(certificate: &str, key: &str) -> Result<TlsAcceptor, Failure> {
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(
            certificates(certificate)?,
            PrivateKeyDer::from_pem_file(key)?,
        )?;
    Ok(Arc::new(config).into())
}

pub fn connector(authority: &str) -> Result<TlsConnector, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(authority)?);
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config).into())
}

fn certificates(file: &str) -> Result<Vec<CertificateDer<'static>>, Failure> {
    Ok(CertificateDer::pem_file_iter(file)?.collect::<Result<_, _>>()?)
}
