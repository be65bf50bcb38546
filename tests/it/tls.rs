//! TLS on the OTLP listeners: who is let in, what becomes of peers that speak something else, and new certificates.

pub(crate) mod authority;

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::Command;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::attacks::judge::{Told, judge};
use crate::attacks::payload;
use crate::attacks::row::Via;
use crate::support::service::Service;
use crate::support::wire::{self, Answer, Stream, Version};
use authority::{Authority, Identity};

/// The files of a service, and the service.
struct House {
    folder: TempDir,
    service: Service,
    grpc: String,
    http: String,
}

impl House {
    async fn start(
        identity: &Identity,
        client_authority: Option<&Authority>,
        settings: &[(&str, &str)],
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (certificate, key, authority) = (path("cert.pem"), path("key.pem"), path("ca.pem"));
        let mut all = vec![("LOGMEND_TLS_CERT", certificate.as_str()), ("LOGMEND_TLS_KEY", key.as_str())];
        if let Some(client_authority) = client_authority {
            std::fs::write(&authority, &client_authority.pem).unwrap();
            all.push(("LOGMEND_TLS_CLIENT_CA", &authority));
        }
        write(&folder, identity);
        all.extend(settings);
        let service = Service::start(&all).await;
        let addr = |url: String| url.strip_prefix("http://").unwrap().to_owned();
        let (grpc, http) = (addr(service.grpc_url()), addr(service.http_url().await));
        Self { folder, service, grpc, http }
    }

    fn ports(&self) -> [&str; 2] {
        [&self.grpc, &self.http]
    }

    /// One good export over each protocol passes.
    async fn serves(&self, config: &Arc<ClientConfig>) {
        for addr in self.ports() {
            let answer = export(addr, config, Via::Json).await.unwrap();
            judge(&answer, Via::Json, Told::Taken).unwrap();
        }
    }
}

fn write(folder: &TempDir, identity: &Identity) {
    std::fs::write(folder.path().join("cert.pem"), &identity.certificate).unwrap();
    std::fs::write(folder.path().join("key.pem"), &identity.key).unwrap();
}

async fn handshake<S: Stream>(
    stream: S,
    config: &Arc<ClientConfig>,
    name: &'static str,
) -> io::Result<TlsStream<S>> {
    let name = ServerName::try_from(name).unwrap();
    TlsConnector::from(Arc::clone(config)).connect(name, stream).await
}

/// Exports in the version of HTTP that both sides agreed on.
async fn export(addr: &str, config: &Arc<ClientConfig>, via: Via) -> io::Result<Answer> {
    let stream = handshake(TcpStream::connect(addr).await?, config, "localhost").await?;
    let message = if via == Via::Json { b"{}".to_vec() } else { payload::request(b"tls", b"") };
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let version = if is_http2 { Version::Http2 } else { Version::Http1 };
    wire::exchange(stream, version, &via.call(&message, None)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn both_listeners_speak_either_http_over_tls_and_the_peer_says_which() {
    let authority = Authority::new("authority");
    let house = House::start(&authority.server(), None, &[]).await;
    let cases: [(&[&str], Via, &str); 6] = [
        (&["h2"], Via::Grpc, "h2"),
        (&["h2"], Via::Protobuf, "h2"),
        (&["h2", "http/1.1"], Via::Json, "h2"),
        (&["http/1.1"], Via::Protobuf, "http/1.1"),
        (&["http/1.1"], Via::Json, "http/1.1"),
        (&[], Via::Json, ""),
    ];
    for addr in house.ports() {
        for (protocols, via, agreed) in cases {
            let config = authority.trusted_by(None, protocols);
            let stream = handshake(wire::connect(addr).await, &config, "localhost").await.unwrap();
            let spoken = stream.get_ref().1.alpn_protocol().unwrap_or_default();
            assert_eq!(spoken, agreed.as_bytes(), "{protocols:?}");
            let answer = export(addr, &config, via).await.unwrap();
            if let Err(why) = judge(&answer, via, Told::Taken) {
                panic!("{via:?}, {protocols:?} at {addr}: {why}");
            }
        }
        let unknown = authority.trusted_by(None, &["spdy/1"]);
        assert!(
            handshake(wire::connect(addr).await, &unknown, "localhost").await.is_err(),
            "no common protocol"
        );
    }
}

/// A peer that asks for an address names no server: RFC 6066 has no addresses among its names.
#[tokio::test(flavor = "multi_thread")]
async fn a_hello_without_a_name_or_in_single_bytes_is_a_hello() {
    let authority = Authority::new("authority");
    let house = House::start(&authority.server(), None, &[]).await;
    let config = authority.trusted_by(None, &["http/1.1"]);
    handshake(wire::connect(&house.http).await, &config, "127.0.0.1").await.unwrap();
    let stream = wire::connect(&house.http).await;
    stream.set_nodelay(true).unwrap();
    let stream = handshake(Fragmented(stream), &config, "localhost").await.unwrap();
    let answer = wire::exchange(stream, Version::Http1, &Via::Json.call(b"{}", None)).await.unwrap();
    judge(&answer, Via::Json, Told::Taken).unwrap();
}

/// Who speaks no TLS, or none of today's, is shut out without a word in the log, and costs the others nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_handshake_ends_alone() {
    let authority = Authority::new("authority");
    let house = House::start(&authority.server(), None, &[("LOGMEND_HEADER_TIMEOUT", "1")]).await;
    let lines = house.service.logs().lines().count();
    let plain = Via::Json.call(b"{}", None);
    let plain = plain.open_head() + "content-length: 2\r\n\r\n{}";
    let mut half = hello(3);
    half.truncate(40);
    let cases: [(&str, Vec<u8>); 8] = [
        ("HTTP/1.1 in plain text", plain.into_bytes()),
        ("HTTP/2 in plain text", wire::frame::preface(&[])),
        ("a hello of TLS 1.1", hello(2)),
        ("a hello of SSL 3.0", hello(0)),
        ("half a hello", half),
        ("nothing", Vec::new()),
        ("a record of 64 KiB", [vec![0x16, 3, 1, 0xff, 0xff], vec![1; 0xffff]].concat()),
        ("noise", (0..10_000_u32).map(|n| u8::try_from(n * 31 % 251).unwrap()).collect()),
    ];
    for addr in house.ports() {
        for (name, bytes) in &cases {
            let mut stream = wire::connect(addr).await;
            let _ = stream.write_all(bytes).await;
            let mut said = Vec::new();
            let end = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut said)).await;
            assert!(end.is_ok(), "{name} is not shut out");
            // An alert (RFC 8446, section 6), a reset, or nothing: no answer in plain text.
            assert!(said.is_empty() || said[0] == 0x15, "{name}: {said:?}");
            if name.starts_with("a hello") {
                let (fatal, failure, version) = (2, 40, 70);
                assert!(said[5] == fatal && [failure, version].contains(&said[6]), "{name}: {said:?}");
            }
        }
        house.serves(&authority.trusted_by(None, &["h2"])).await;
    }
    for _ in 0..200 {
        let _ = wire::connect(&house.http).await.write_all(b"GET / HTTP/1.1\r\n\r\n").await;
    }
    house.serves(&authority.trusted_by(None, &["h2"])).await;
    assert_eq!(house.service.logs().lines().count(), lines, "{}", house.service.logs());
}

#[tokio::test(flavor = "multi_thread")]
async fn under_mutual_tls_only_whom_the_authority_knows_is_let_in() {
    let (authority, stranger) = (Authority::new("authority"), Authority::new("stranger"));
    let house = House::start(&authority.server(), Some(&authority), &[]).await;
    let lines = house.service.logs().lines().count();
    let cases = [
        ("no certificate", None, false),
        ("one of an unknown authority", Some(stranger.client()), false),
        ("one that has expired", Some(authority.expired_client()), false),
        ("a good one", Some(authority.client()), true),
    ];
    for addr in house.ports() {
        for (name, identity, passes) in &cases {
            for via in [Via::Grpc, Via::Json] {
                let protocol = if via == Via::Grpc { "h2" } else { "http/1.1" };
                let answer = export(addr, &authority.trusted_by(identity.as_ref(), &[protocol]), via).await;
                assert_eq!(answer.is_ok(), *passes, "{name} over {via:?}: {answer:?}");
                if let Ok(answer) = answer {
                    judge(&answer, via, Told::Taken).unwrap();
                }
            }
        }
    }
    assert_eq!(house.service.logs().lines().count(), lines, "{}", house.service.logs());
    // The API's port speaks plain text: it is no way around the certificate.
    let past = reqwest::Client::new().post(house.service.api_url() + "/v1/logs");
    let answer = past.header("content-type", "application/json").body("{}").send().await.unwrap();
    assert_eq!(answer.status(), 404);
}

/// Renewal replaces files: they are taken in without a restart, and broken ones change nothing and are told once.
#[tokio::test(flavor = "multi_thread")]
async fn new_certificates_are_taken_in_and_broken_ones_are_not() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let house = House::start(&old.server(), None, &[]).await;
    let (trusts_old, trusts_new) = (old.trusted_by(None, &["h2"]), new.trusted_by(None, &["h2"]));
    house.serves(&trusts_old).await;

    write(&house.folder, &new.server());
    let begun = Instant::now();
    while export(&house.http, &trusts_new, Via::Json).await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(10), "{}", house.service.logs());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    house.serves(&trusts_new).await;
    assert!(export(&house.http, &trusts_old, Via::Json).await.is_err());

    std::fs::write(house.folder.path().join("cert.pem"), "no certificate at all").unwrap();
    let told = "the changed TLS files cannot be used";
    house.service.wait_for_log(told, 1).await;
    // Two more looks.
    tokio::time::sleep(Duration::from_secs(11)).await;
    house.serves(&trusts_new).await;
    let log = house.service.logs();
    assert_eq!(log.matches(told).count(), 1, "{log}");
    assert!(log.contains("LOGMEND_TLS_CERT"), "{log}");
}

#[test]
fn half_of_tls_ends_the_start_and_names_what_is_missing() {
    let authority = Authority::new("authority");
    let (server, other) = (authority.server(), authority.server());
    let folder = tempfile::tempdir().unwrap();
    write(&folder, &server);
    let file = |name: &str, text: &str| {
        let path: PathBuf = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (certificate, key) = (file("cert.pem", &server.certificate), file("key.pem", &server.key));
    let (other_key, empty) = (file("other.pem", &other.key), file("empty.pem", ""));
    let (cert_is, key_is, ca_is) = ("LOGMEND_TLS_CERT", "LOGMEND_TLS_KEY", "LOGMEND_TLS_CLIENT_CA");
    let cases: [(&[(&str, &str)], &str); 8] = [
        (&[(cert_is, &certificate)], key_is),
        (&[(key_is, &key)], cert_is),
        (&[(ca_is, &certificate)], cert_is),
        (&[(cert_is, &certificate), (key_is, "/nonexistent/key.pem")], key_is),
        (&[(cert_is, &certificate), (key_is, &empty)], key_is),
        (&[(cert_is, &key), (key_is, &key)], cert_is),
        (&[(cert_is, &certificate), (key_is, &other_key)], key_is),
        (&[(cert_is, &certificate), (key_is, &key), (ca_is, &empty)], ca_is),
    ];
    for (settings, named) in cases {
        let output = Command::new(env!("CARGO_BIN_EXE_logmend"))
            .env_clear()
            .env("LOGMEND_GRPC_ADDR", "127.0.0.1:0")
            .env("LOGMEND_HTTP_ADDR", "127.0.0.1:0")
            .env("LOGMEND_API_ADDR", "127.0.0.1:0")
            .env("DATABASE_URL", format!("sqlite://{}/logmend.db", folder.path().display()))
            .envs(settings.iter().copied())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{settings:?}: {told}");
        assert!(told.contains(named), "{settings:?}: {named} is not in: {told}");
        assert!(!told.contains(&server.key[28..60]), "no key is printed: {told}");
    }
}

/// A `ClientHello` that offers nothing above 3.`minor`.
fn hello(minor: u8) -> Vec<u8> {
    let suites = [0xc0, 0x2f, 0xc0, 0x13, 0x00, 0x2f];
    let body = [&[3, minor][..], &[7; 32], &[0], &[0, 6], &suites, &[1, 0]].concat();
    let length = u8::try_from(body.len()).unwrap();
    [&[0x16, 3, minor.min(1), 0, length + 4, 1, 0, 0, length][..], &body].concat()
}

/// A stream that sends each byte in a packet of its own.
struct Fragmented(TcpStream);

impl AsyncRead for Fragmented {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Fragmented {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, &bytes[..bytes.len().min(1)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
