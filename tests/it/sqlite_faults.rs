//! A file that cannot be written to, or is corrupted: exporters are told to come back, people are told, and once it is mended the
//! service goes on by itself, with all that it acknowledged.

use std::os::unix::fs::{FileExt as _, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use prost::Message as _;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::support::otlp;
use crate::support::service::Service;

/// How long it may take to refuse, and how long to take requests again once it can; on a machine that compiles meanwhile.
const REFUSED_AFTER_MAX: Duration = Duration::from_secs(15);
const RECOVERY_MAX: Duration = Duration::from_secs(20);

/// How long it may take until this process leads in a fresh file: its term is renewed every five seconds.
const TERM_RENEWED_MAX: Duration = Duration::from_secs(6);

/// A write beyond the limit fails, as on a full disk, and does not end the process. Root is bound by permissions as others are.
const LIMITED: &str = "trap '' XFSZ; [ \"$(id -u)\" != 0 ] || exec setpriv --bounding-set=-dac_override,-dac_read_search \
    --inh-caps=-dac_override,-dac_read_search \"$0\"";

fn request(n: u32) -> Vec<u8> {
    let record = otlp::exception_record("ValueError", &format!("bad total {n}"), otlp::TRACEBACK);
    otlp::request("checkout", vec![record]).encode_to_vec()
}

fn file(service: &Service) -> PathBuf {
    service.folder().join("logmend.db")
}

async fn open(service: &Service) -> SqliteConnection {
    SqliteConnectOptions::new().filename(file(service)).connect().await.unwrap()
}

async fn store_health(service: &Service) -> Value {
    service.get("/error-monitor/health").await["components"]["store"].clone()
}

/// Both ways in say that the same may be sent again, and when.
async fn refuses(service: &Service, request: &[u8]) {
    let begun = Instant::now();
    let refused = otlp::export_bytes(&service.grpc_url(), request.to_vec()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    assert!(refused.get_details_retry_info().is_some(), "{refused:?}");
    assert!(begun.elapsed() < REFUSED_AFTER_MAX, "{:?}", begun.elapsed());

    let url = service.http_url().await + "/v1/logs";
    let sent = reqwest::Client::new().post(url).header(CONTENT_TYPE, "application/x-protobuf");
    let refused = sent.body(request.to_vec()).send().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key(RETRY_AFTER), "{refused:?}");
}

/// Waits until a request is taken.
async fn takes(service: &Service, request: &[u8]) {
    let begun = Instant::now();
    while let Err(refused) = otlp::export_bytes(&service.grpc_url(), request.to_vec()).await {
        assert!(refused.code() == Code::Unavailable && begun.elapsed() < RECOVERY_MAX, "{refused:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn is_healthy_again(service: &Service) {
    let begun = Instant::now();
    while store_health(service).await["status"] != "ok" {
        assert!(begun.elapsed() < RECOVERY_MAX, "it stays degraded");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// From one fault to its end.
async fn check(mut service: Service, begin: impl AsyncFnOnce(&Service), end: impl AsyncFnOnce(&Service)) {
    otlp::export_bytes(&service.grpc_url(), request(1)).await.unwrap();
    begin(&service).await;
    let unlucky = request(2);
    refuses(&service, &unlucky).await;
    let health = service.get("/error-monitor/health").await;
    assert_eq!(health["status"], "degraded", "{health}");
    assert_eq!(health["components"]["store"]["status"], "degraded", "{health}");
    assert_eq!(service.counted().await, 1, "what was counted can be read meanwhile");
    end(&service).await;
    takes(&service, &unlucky).await;
    is_healthy_again(&service).await;
    otlp::export_bytes(&service.grpc_url(), unlucky).await.unwrap();
    assert_eq!(service.counted().await, 2);
    service.kill();
    assert_eq!(service.restart().await.counted().await, 2, "after a crash");
}

/// Lets the files of the service grow to so many bytes.
fn limit_files(service: &Service, bytes: &str) {
    let (pid, limit) = (service.pid().to_string(), format!("--fsize={bytes}:"));
    let status = Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap();
    assert!(status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_waited_out() {
    let service = Service::start_behind(LIMITED, &[]).await;
    let fill = async |service: &Service| limit_files(service, "0");
    check(service, fill, async |service: &Service| limit_files(service, "unlimited")).await;
}

/// Room is made two seconds after the start.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_when_it_starts_is_waited_out() {
    let full = "trap '' XFSZ; (sleep 2; prlimit --pid $$ --fsize=unlimited) & ulimit -S -f 8";
    let service = Service::start_behind(full, &[]).await;
    assert!(service.logs().contains("waiting for the database"), "{}", service.logs());
    takes(&service, &request(1)).await;
    is_healthy_again(&service).await;
}

fn set_modes(service: &Service, file: u32, folder: u32) {
    let set = |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    for entry in std::fs::read_dir(service.folder()).unwrap() {
        set(&entry.unwrap().path(), file);
    }
    set(service.folder(), folder);
}

/// What has a file open may write to it whatever its mode becomes, so its connection is lost by another fault.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_became_read_only_is_waited_out() {
    let service = Service::start_behind(LIMITED, &[("RUST_LOG", "info,logmend::store=debug")]).await;
    let forbid = async |service: &Service| {
        set_modes(service, 0o444, 0o555);
        limit_files(service, "0");
        refuses(service, &request(2)).await;
        limit_files(service, "unlimited");
        service.wait_for_log("readonly database", 1).await;
    };
    check(service, forbid, async |service: &Service| set_modes(service, 0o644, 0o755)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_of_another_program_is_waited_out() {
    let service = Service::start(&[]).await;
    let other = tokio::sync::Mutex::new(open(&service).await);
    let lock = async |_: &Service| {
        let mut other = other.lock().await;
        other.execute("PRAGMA busy_timeout = 5000").await.unwrap();
        other.execute("BEGIN IMMEDIATE").await.unwrap();
    };
    let unlock = async |_: &Service| {
        other.lock().await.execute("ROLLBACK").await.unwrap();
    };
    check(service, lock, unlock).await;
}

/// Garbage in place of pages, once all that is known of them in memory is out of date.
async fn corrupt(service: &Service, which: Garbage) {
    let mut other = open(service).await;
    other.execute("CREATE TABLE passing (x)").await.unwrap();
    other.execute("DROP TABLE passing").await.unwrap();
    other.execute("PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
    other.close().await.unwrap();
    overwrite(&file(service), which);
}

/// Where garbage is.
#[derive(Clone, Copy)]
enum Garbage {
    Header,
    /// Behind the pages that hold the names of tables.
    Middle,
}

fn overwrite(path: &Path, which: Garbage) {
    const PAGE: u64 = 4096;
    let file = std::fs::File::options().write(true).open(path).unwrap();
    let len = file.metadata().unwrap().len();
    let (from, to) = match which {
        Garbage::Header => (0, 100),
        Garbage::Middle => (4 * PAGE, len),
    };
    assert!(from < to, "{len}");
    file.write_all_at(&vec![0xa5; usize::try_from(to - from).unwrap()], from).unwrap();
}

async fn set_aside_is_told(service: &Service) {
    let moved = service.folder().join("logmend.db.corrupt-1");
    assert!(moved.exists());
    is_healthy_again(service).await;
    let health = store_health(service).await;
    let told = format!("was corrupted; it was set aside as {} and a fresh one begun", moved.display());
    assert!(health["detail"].as_str().is_some_and(|detail| detail.contains(&told)), "{health}");
    assert!(service.logs().contains(&told));
    tokio::time::sleep(TERM_RENEWED_MAX).await;
    let scanned = service.post("/error-monitor/monitor/scan").await;
    assert_eq!(scanned["errors_found"], 1, "a window was begun, and this process leads: {scanned}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_corrupted_while_it_runs_is_set_aside() {
    for which in [Garbage::Header, Garbage::Middle] {
        let service = Service::start(&[]).await;
        takes(&service, &request(1)).await;
        corrupt(&service, which).await;
        let unlucky = request(2);
        refuses_once(&service, &unlucky).await;
        takes(&service, &unlucky).await;
        takes(&service, &request(3)).await;
        assert_eq!(service.counted().await, 2, "what came after");
        set_aside_is_told(&service).await;
    }
}

async fn refuses_once(service: &Service, request: &[u8]) {
    let refused = otlp::export_bytes(&service.grpc_url(), request.to_vec()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    assert!(refused.get_details_retry_info().is_some(), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_corrupted_when_it_starts_is_set_aside() {
    for which in [Garbage::Header, Garbage::Middle] {
        let service = Service::start(&[]).await;
        takes(&service, &request(1)).await;
        let (_, service) = service.terminate().await;
        overwrite(&file(&service), which);
        let service = service.restart().await;
        takes(&service, &request(2)).await;
        assert_eq!(service.counted().await, 1, "what came after");
        set_aside_is_told(&service).await;
    }
}
