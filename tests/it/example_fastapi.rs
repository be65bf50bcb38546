//! The shop of `examples/fastapi`, as people run it: its customers set off its bugs, each bug is one error however often it comes,
//! and on the branch of the pull request the test passes that failed.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::support::claude::{ClaudeStandIn, Turn};
use crate::support::engines::daemon::Daemon;
use crate::support::engines::prepared;
use crate::support::github::GitHubStandIn;
use crate::support::service::Service;
use crate::support::{programs, server};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/fastapi");
/// How long a program may take to start or to end, and a fix to be written, on a machine that compiles meanwhile.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often a wait looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Its files, by their paths in the folder.
fn files() -> Vec<(String, String)> {
    let (mut files, mut folders) = (Vec::new(), vec![PathBuf::from(FOLDER)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if !path.is_dir() {
                let name = path.strip_prefix(FOLDER).unwrap().to_str().unwrap().to_owned();
                files.push((name, fs::read_to_string(path).unwrap()));
            } else if !path.ends_with("__pycache__") && !path.ends_with(".pytest_cache") {
                folders.push(path);
            }
        }
    }
    files
}

fn python() -> Command {
    let mut command = Command::new(prepared("LOGMEND_PYTHON"));
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1");
    command
}

/// The shop in a working copy, once it takes requests.
struct Shop {
    server: Daemon,
    url: String,
    _folder: TempDir,
}

impl Shop {
    async fn start(copy: &Path, receiver: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut uvicorn = python();
        uvicorn.args(["-m", "uvicorn", "shop.main:app", "--port", "0", "--app-dir"]).arg(copy);
        uvicorn.env("OTEL_SERVICE_NAME", "shop").env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver);
        let server = Daemon::start(folder.path(), Signal::SIGKILL, &uvicorn);
        let begun = Instant::now();
        loop {
            let output = server.output();
            if let Some((_, rest)) = output.split_once("Uvicorn running on ")
                && let Some((url, _)) = rest.split_once(' ')
            {
                return Self { server, url: url.to_owned(), _folder: folder };
            }
            assert!(server.runs() && begun.elapsed() < PATIENCE, "the shop does not start:\n{output}");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Customers come, and what they set off has been sent once the shop has ended.
    async fn serve(self, copy: &Path, rounds: &str) -> String {
        let mut traffic = python();
        traffic.arg(copy.join("traffic.py")).args([&self.url, "--rounds", rounds]);
        let told = programs::run(traffic).await;
        spawn_blocking(move || self.server.end(Signal::SIGTERM)).await.unwrap();
        told
    }
}

/// The shop's own tests.
async fn tested(copy: &Path) -> Result<String, String> {
    let mut pytest = python();
    pytest.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]).current_dir(copy);
    programs::attempt(pytest, "").await
}

/// What Claude answers: of the three that deserve a fix it names that of the vouchers, and mends it.
fn mending() -> Vec<Turn> {
    let order = Turn::with(|request| {
        let text = request["messages"][0]["content"][0]["text"].as_str().unwrap();
        let at = text.find("shop/payments.py").unwrap_or_else(|| panic!("{text}"));
        let number = text[..at].rsplit("Error ").find_map(|rest| rest.split(' ').next()?.parse::<u32>().ok());
        Turn::text(&json!({"order": [number]}).to_string())
    });
    let read = json!({"path": "shop/payments.py", "start_line": null, "end_line": null});
    vec![
        order,
        Turn::tool_use("list_files", json!({"path": ""})),
        Turn::tool_use("read_file", read),
        submission(),
    ]
}

fn submission() -> Turn {
    let edit = json!({
        "path": "shop/payments.py",
        "find": "    paid = answer[\"amount\"]\n",
        "replace": "    paid = answer.get(\"amount\", order.total)\n",
    });
    let fix = json!({
        "title": "Count a voucher as payment in full",
        "root_cause": "`charge` reads `answer[\"amount\"]`, which the payment service leaves out for a voucher.",
        "explanation": "Where no amount is named the order's total counts as paid, as the docstring says.",
        "edits": [edit],
        "new_files": null,
        "confidence": "high",
        "how_to_verify": "python -m pytest tests/test_payments.py",
    });
    Turn::tool_use("submit_fix", fix)
}

/// Type, occurrences, the file, and why there is no pull request, of each error, in the types' order.
fn found(errors: &Value) -> Vec<(String, u64, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found: Vec<_> = errors
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            assert_eq!(error["service"], "shop", "{error:#}");
            let file = text(&error["file"]);
            let file = file.rsplit('/').next().unwrap().to_owned();
            (
                text(&error["error_type"]),
                error["count"].as_u64().unwrap(),
                file,
                text(&error["no_fix"]["code"]),
            )
        })
        .collect();
    found.sort();
    found
}

fn row(kind: &str, count: u64, file: &str, no_fix: &str) -> (String, u64, String, String) {
    (kind.to_owned(), count, file.to_owned(), no_fix.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shops_failing_test_passes_on_the_pull_requests_branch() {
    let files = files();
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let github = GitHubStandIn::start(&files).await;
    let claude = ClaudeStandIn::start(mending()).await;
    let service = Service::mending(&github, &claude, &[]).await;
    let copy = github.clone_branch("main");
    let failed = tested(copy.path()).await.unwrap_err();
    assert!(failed.contains("1 failed, 5 passed") && failed.contains("KeyError: 'amount'"), "{failed}");

    let shop = Shop::start(copy.path(), &service.grpc_url()).await;
    let told = shop.serve(copy.path(), "3").await;
    assert_eq!(told.trim(), "15 × 200, 18 × 201, 3 × 404, 3 × 422, 15 × 500");
    let recent = service.get("/error-monitor/errors/recent").await;
    assert_eq!(recent["count"], 4, "four bugs are four errors, and nothing else is one: {recent:#}");

    let scanned = service.post("/error-monitor/monitor/scan").await;
    assert_eq!(
        scanned,
        json!({"status": "scanned", "errors_found": 4, "critical_errors": 4, "auto_fixes_started": 1})
    );
    let fix = service.finished_fix(PATIENCE).await;
    assert_eq!(fix["status"], "draft", "{fix:#}\n{}", service.logs());
    let critical = service.get("/error-monitor/errors/critical").await;
    let mut expected = [
        row("AttributeError", 3, "orders.py", "waiting"),
        row("KeyError", 6, "payments.py", ""),
        row("TypeError", 3, "orders.py", "waiting"),
        row("ZeroDivisionError", 3, "carts.py", "waiting"),
    ];
    let found = found(&critical["critical_errors"]);
    // Two share a file: one of them, whichever, is left to the fix of the other.
    for (expected, found) in expected.iter_mut().zip(&found).filter(|(_, found)| found.3 == "overlap") {
        expected.3.clone_from(&found.3);
    }
    assert_eq!(found, expected, "{critical:#}");
    assert_eq!(found.iter().filter(|error| error.3 == "overlap").count(), 1, "{critical:#}");

    assert_eq!((github.violations(), claude.violations()), (Vec::new(), Vec::new()));
    let branch = github.branches().into_iter().find(|name| name.starts_with("logmend/")).unwrap();
    let mended = github.clone_branch(&branch);
    let passed = tested(mended.path()).await;
    assert!(passed.as_ref().is_ok_and(|told| told.contains("6 passed")), "{passed:?}");
}

/// People get the versions that are tested.
#[test]
fn its_packages_are_those_that_the_tests_use() {
    let tested: Vec<_> = include_str!("../support/requirements.txt").lines().collect();
    let own = include_str!("../../examples/fastapi/requirements.txt");
    for package in own.lines().filter(|line| !line.starts_with('#')) {
        assert!(tested.contains(&package), "{package} is not in tests/support/requirements.txt");
    }
}

/// `start` with a copy of the example, on ports of its own. What it began ends with it.
struct Started(Child);

impl Started {
    fn pid(&self) -> Pid {
        Pid::from_raw(self.0.id().try_into().unwrap())
    }

    /// Whether it has ended, and how, within the patience.
    async fn ended(&mut self) -> Option<i32> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        None
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if self.0.try_wait().is_ok_and(|ended| ended.is_none()) {
            // It ends what it began first.
            let _ = kill(self.pid(), Signal::SIGTERM);
            let _ = self.0.wait();
        }
    }
}

/// A copy of the example in a folder as deep as in the repository, so that what it makes is in the copy.
fn copied() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (name, text) in files() {
        let path = root.path().join("examples/fastapi").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &text).unwrap();
        if text.starts_with("#!") {
            fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        }
    }
    root
}

/// One command starts all of it and says where to look; Ctrl-C ends all of it, in order.
#[tokio::test(flavor = "multi_thread")]
async fn one_command_starts_it_and_ctrl_c_ends_it() {
    let root = copied();
    let port = crate::support::engines::daemon::port;
    let (api, shop) = (format!("127.0.0.1:{}", port()), port());
    let log = root.path().join("start.log");
    let out = fs::File::create(&log).unwrap();
    // What else is set for the tests would be settings of logmend that it does not know.
    let kept = ["PATH", "HOME"].into_iter().filter_map(|key| Some((key, std::env::var_os(key)?)));
    let child = Command::new(root.path().join("examples/fastapi/start"))
        .env_clear()
        .envs(kept)
        .env("LOGMEND_BIN", env!("CARGO_BIN_EXE_logmend"))
        .env("SHOP_PYTHON", prepared("LOGMEND_PYTHON"))
        .env("SHOP_PORT", shop.to_string())
        .env("LOGMEND_API_ADDR", &api)
        .env("LOGMEND_GRPC_ADDR", format!("127.0.0.1:{}", port()))
        .env("LOGMEND_HTTP_ADDR", format!("127.0.0.1:{}", port()))
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(out.try_clone().unwrap())
        .stderr(out)
        .spawn()
        .unwrap();
    let mut started = Started(child);
    let said = || fs::read_to_string(&log).unwrap();
    let begun = Instant::now();
    while !said().contains("Ctrl-C ends all of it") {
        assert!(started.0.try_wait().unwrap().is_none() && begun.elapsed() < PATIENCE, "{}", said());
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    assert!(
        said().contains(&format!("http://{api}/")) && said().contains(r#""status":"scanned""#),
        "{}",
        said()
    );
    let client = server::client();
    let page = client.get(format!("http://{api}/")).send().await.unwrap().text().await.unwrap();
    for kind in ["AttributeError", "KeyError", "TypeError", "ZeroDivisionError"] {
        assert!(page.contains(kind), "{kind} in {page}");
    }

    // What a terminal does at Ctrl-C.
    killpg(started.pid(), Signal::SIGINT).unwrap();
    assert_eq!(started.ended().await, Some(0), "{}", said());
    for url in [format!("http://{api}/health/live"), format!("http://127.0.0.1:{shop}/openapi.json")] {
        assert!(client.get(&url).send().await.is_err(), "{url} still answers");
    }
    let told = fs::read_to_string(root.path().join("target/example-fastapi/logmend.log")).unwrap();
    assert!(told.trim_end().ends_with("stopped"), "{told}");
    let told = fs::read_to_string(root.path().join("target/example-fastapi/shop.log")).unwrap();
    assert!(told.contains("Application shutdown complete"), "{told}");
}
