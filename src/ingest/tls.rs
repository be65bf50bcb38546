//! TLS and mutual TLS on the OTLP listeners, with certificates that are read again when their files change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// How often the files are looked at. Certificates are renewed days before they expire.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A certificate, key or authority longer than this is none.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The files, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// `LOGMEND_TLS_CERT`: the certificate and what it is signed by, leaf first.
    pub certificate: PathBuf,
    /// `LOGMEND_TLS_KEY`: its private key.
    pub key: PathBuf,
    /// `LOGMEND_TLS_CLIENT_CA`: with it, exporters must present a certificate that one of these authorities signed.
    pub client_authority: Option<PathBuf>,
}

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or holds nothing of use.
    #[error("{setting}: {} {what}", .path.display())]
    File {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and how to mend it.
        what: String,
    },
    /// Certificate and key do not fit, or are of a kind that is not taken.
    #[error("LOGMEND_TLS_CERT and LOGMEND_TLS_KEY cannot be used together")]
    Pair(#[source] rustls::Error),
    /// The authorities cannot be used.
    #[error("LOGMEND_TLS_CLIENT_CA cannot be used")]
    Authority(#[source] rustls::server::VerifierBuilderError),
}

/// The certificates in use; clones share them.
#[derive(Debug, Clone)]
pub struct Tls {
    settings: Arc<TlsSettings>,
    config: Arc<RwLock<Arc<ServerConfig>>>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// [`TlsError`], which names the setting and the file.
    pub fn load(settings: TlsSettings) -> Result<Self, TlsError> {
        let config = Files::read(&settings)?.config(&settings)?;
        Ok(Self { settings: Arc::new(settings), config: Arc::new(RwLock::new(Arc::new(config))) })
    }

    /// What accepts the next connection.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        // A panic while it was held cannot leave it half changed: the one change is one assignment.
        TlsAcceptor::from(Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Takes in changed files until `stop` is cancelled. Files that cannot be used change nothing and are told once.
    pub async fn keep_fresh(self, stop: CancellationToken) {
        let mut known = Files::read(&self.settings).ok();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let files = match Files::read(&self.settings) {
                Ok(files) if known.as_ref() == Some(&files) => continue,
                Ok(files) => files,
                // Renewal replaces files one after the other: the next look finds them.
                Err(_) => continue,
            };
            self.take_in(&files);
            known = Some(files);
        }
    }

    fn take_in(&self, files: &Files) {
        match files.config(&self.settings) {
            Ok(config) => {
                *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                tracing::info!("the TLS certificate was read again");
            }
            Err(error) => tracing::warn!(
                "the changed TLS files cannot be used, the former ones stay in use: {error}{}",
                std::error::Error::source(&error).map_or_else(String::new, |source| format!(": {source}"))
            ),
        }
    }
}

/// The files' bytes. They are compared, since a changed time alone says nothing and an unchanged one neither.
#[derive(PartialEq, Eq)]
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_authority: Option<Vec<u8>>,
}

impl Files {
    fn read(settings: &TlsSettings) -> Result<Self, TlsError> {
        let authority = settings.client_authority.as_deref();
        Ok(Self {
            certificate: read("LOGMEND_TLS_CERT", &settings.certificate)?,
            key: read("LOGMEND_TLS_KEY", &settings.key)?,
            client_authority: authority.map(|path| read("LOGMEND_TLS_CLIENT_CA", path)).transpose()?,
        })
    }

    fn config(&self, settings: &TlsSettings) -> Result<ServerConfig, TlsError> {
        let chain = certificates("LOGMEND_TLS_CERT", &settings.certificate, &self.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|_| TlsError::File {
            setting: "LOGMEND_TLS_KEY",
            path: settings.key.clone(),
            what: "holds no private key in PEM; it must begin with -----BEGIN PRIVATE KEY-----".to_owned(),
        })?;
        let builder = ServerConfig::builder();
        let builder = match (&self.client_authority, &settings.client_authority) {
            (Some(bytes), Some(path)) => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(certificates("LOGMEND_TLS_CLIENT_CA", path, bytes)?);
                let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build();
                builder.with_client_cert_verifier(verifier.map_err(TlsError::Authority)?)
            }
            _ => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(TlsError::Pair)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn read(setting: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let fault = |what: String| TlsError::File { setting, path: path.to_owned(), what };
    let metadata = std::fs::metadata(path)
        .map_err(|error| fault(format!("cannot be read: {error}; name a PEM file that exists")))?;
    if metadata.len() > FILE_BYTES_MAX {
        return Err(fault("is longer than a PEM file of certificates; name another one".to_owned()));
    }
    std::fs::read(path)
        .map_err(|error| fault(format!("cannot be read: {error}; name a PEM file that may be read")))
}

fn certificates(
    setting: &'static str,
    path: &Path,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| TlsError::File {
        setting,
        path: path.to_owned(),
        what: "holds no certificate in PEM; it must begin with -----BEGIN CERTIFICATE-----".to_owned(),
    })
}
