//! The whole way, for a project of each language: from the log that its program writes to the branch on which its own failing
//! test passes. The programs, the logs and the tests are real, and so is the repository; Claude follows what is recorded.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::support::claude::{ClaudeStandIn, Turn};
use crate::support::github::GitHubStandIn;
use crate::support::programs::{self, prepared};
use crate::support::service::Service;

/// A project of `tests/data/projects/`.
#[derive(Debug, Clone, Copy)]
enum Project {
    Python,
    TypeScript,
    Go,
    Java,
    Rust,
}

use Project::{Go, Java, Python, Rust, TypeScript};

impl Project {
    fn folder(self) -> PathBuf {
        let name = format!("{self:?}").to_lowercase();
        [env!("CARGO_MANIFEST_DIR"), "tests/data/projects", &name].iter().collect()
    }

    /// Its files, by their paths in the repository.
    fn files(self) -> Vec<(String, String)> {
        let root = self.folder().join("repository");
        let mut files = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                    files.push((name, fs::read_to_string(path).unwrap()));
                }
            }
        }
        files
    }

    /// What Claude is recorded to do.
    fn conversation(self) -> Vec<Turn> {
        let text = fs::read_to_string(self.folder().join("conversation.json")).unwrap();
        let calls: Vec<Value> = serde_json::from_str(&text).unwrap();
        calls
            .iter()
            .map(|call| Turn::tool_use(call["tool"].as_str().unwrap(), call["input"].clone()))
            .collect()
    }

    /// Where the bug shows: the type of the error, and the file of the innermost frame.
    fn bug(self) -> (&'static str, &'static str) {
        match self {
            Python => ("KeyError", "shop/pricing.py"),
            TypeScript => ("TypeError", "src/routes.ts"),
            Go => ("panic", "ledger/ledger.go"),
            Java => ("java.lang.NullPointerException", "Bookings.java"),
            Rust => ("panic", "src/lib.rs"),
        }
    }

    /// What compiles it, where it has to be.
    fn build(self) -> Option<(PathBuf, Vec<&'static str>)> {
        match self {
            TypeScript => Some((prepared("LOGMEND_NODE_MODULES").join("typescript/bin/tsc"), vec![])),
            Java => Some((
                "javac".into(),
                vec![
                    "-d",
                    "out",
                    "src/shop/Bookings.java",
                    "src/shop/Main.java",
                    "tests/shop/BookingsTest.java",
                ],
            )),
            Python | Go | Rust => None,
        }
    }

    fn program(self) -> (PathBuf, Vec<&'static str>) {
        match self {
            Python => (prepared("LOGMEND_PYTHON"), vec!["-m", "shop.main"]),
            TypeScript => ("node".into(), vec!["--enable-source-maps", "dist/src/main.js"]),
            Go => ("go".into(), vec!["run", "."]),
            Java => ("java".into(), vec!["-cp", "out", "shop.Main"]),
            Rust => ("cargo".into(), vec!["run", "--quiet", "--offline"]),
        }
    }

    fn test(self) -> (PathBuf, Vec<&'static str>) {
        match self {
            Python => (prepared("LOGMEND_PYTHON"), vec!["-m", "unittest"]),
            TypeScript => ("node".into(), vec!["dist/tests/routes.test.js"]),
            Go => ("go".into(), vec!["test", "./..."]),
            Java => ("java".into(), vec!["-cp", "out", "shop.BookingsTest"]),
            Rust => ("cargo".into(), vec!["test", "--quiet", "--offline"]),
        }
    }
}

/// Runs a program in a folder, on what the folder holds alone.
async fn run((program, args): (PathBuf, Vec<&'static str>), folder: &Path) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder);
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("RUST_BACKTRACE", "1").env("GOTOOLCHAIN", "local");
    // Of the Cargo that runs this test.
    command.env_remove("CARGO_TARGET_DIR").env_remove("CARGO_BUILD_TARGET_DIR").env_remove("RUSTFLAGS");
    programs::attempt(command, "").await
}

/// The project's own test in a working copy, and what it printed.
async fn tested(project: Project, copy: &Path) -> Result<String, String> {
    if let Some(build) = project.build() {
        run(build, copy).await.unwrap_or_else(|told| panic!("{project:?} is not built:\n{told}"));
    }
    run(project.test(), copy).await
}

/// Whom logmend asks.
enum Model {
    Recorded(ClaudeStandIn),
    /// The real one, with what it needs to be reached.
    Real(Vec<(&'static str, String)>),
}

impl Model {
    fn settings(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Recorded(claude) => {
                vec![("ANTHROPIC_API_KEY", claude.key().to_owned()), ("ANTHROPIC_BASE_URL", claude.url())]
            }
            Self::Real(settings) => settings.clone(),
        }
    }
}

/// From the log to the branch.
async fn mend(project: Project, model: &Model, patience: Duration) {
    let files = project.files();
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let github = GitHubStandIn::start(&files).await;
    let base = github.clone_branch("main");
    let failed = tested(project, base.path()).await.unwrap_err();
    let ran = run(project.program(), base.path()).await;
    let log = ran.unwrap_or_else(|told| told);

    let mut settings = model.settings();
    settings.extend([
        ("GITHUB_TOKEN", github.token().to_owned()),
        ("GITHUB_API_URL", github.url()),
        ("GITHUB_REPOSITORY", "acme/shop".to_owned()),
    ]);
    let settings: Vec<_> = settings.iter().map(|(key, value)| (*key, value.as_str())).collect();
    let service = Service::start(&settings).await;
    let written = tempfile::tempdir().unwrap();
    let file = written.path().join("orders.log");
    fs::write(&file, &log).unwrap();
    let mut send = Command::new(env!("CARGO_BIN_EXE_logmend"));
    send.arg("send").arg(&file).args(["--endpoint", &service.grpc_url(), "--service", "orders"]);
    programs::run(send).await;

    let critical = service.get("/error-monitor/errors/critical").await;
    assert_eq!(critical["count"], 1, "{project:?}: {critical:#}\nof\n{log}");
    let error = &critical["critical_errors"][0];
    let (kind, place) = project.bug();
    assert_eq!(error["error_type"], kind, "{project:?}: {error:#}\nof\n{log}");
    assert!(error["file"].as_str().unwrap().ends_with(place), "{project:?}: {error:#}\nof\n{log}");

    let scanned = service.post("/error-monitor/monitor/scan").await;
    assert_eq!(scanned["auto_fixes_started"], 1, "{project:?}: {scanned:#}");
    let fix = service.finished_fix(patience).await;
    assert_eq!(fix["status"], "draft", "{project:?}: {fix:#}\n{}", service.logs());
    if let Model::Recorded(claude) = model {
        assert_eq!(claude.violations(), Vec::<String>::new());
        let asked = claude.requests().pop().unwrap().to_string();
        assert!(!asked.contains(r#""is_error":true"#), "a recorded call does not fit any more: {asked}");
    }
    assert_eq!(github.violations(), Vec::<String>::new());

    let branch = github.branches().into_iter().find(|name| name.starts_with("logmend/")).unwrap();
    let mended = github.clone_branch(&branch);
    let passed = tested(project, mended.path()).await;
    let diff = github.diff_with_base(&branch);
    assert!(passed.is_ok(), "{project:?}: failed as\n{failed}\nand still fails as\n{passed:?}\nwith\n{diff}");
    let again = run(project.program(), mended.path()).await;
    assert!(
        again.as_ref().is_ok_and(|log| !log.contains("could not be") && !log.contains("panicked")),
        "{again:?}"
    );
}

async fn mend_as_recorded(project: Project) {
    let claude = ClaudeStandIn::start(project.conversation()).await;
    mend(project, &Model::Recorded(claude), Duration::from_secs(30)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_project_is_mended() {
    mend_as_recorded(Python).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_typescript_project_is_mended() {
    mend_as_recorded(TypeScript).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_go_project_is_mended() {
    mend_as_recorded(Go).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_java_project_is_mended() {
    mend_as_recorded(Java).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rust_project_is_mended() {
    mend_as_recorded(Rust).await;
}

/// The same with the real model, which finds its own way: `ANTHROPIC_API_KEY=… cargo test --test it -- --ignored real_model`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "asks the real model, which costs some dollars; needs ANTHROPIC_API_KEY"]
async fn the_real_model_mends_every_project() {
    let names = ["ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "ANTHROPIC_MODEL"];
    let set: Vec<_> =
        names.iter().filter_map(|name| std::env::var(name).ok().map(|value| (*name, value))).collect();
    if !set.iter().any(|(name, _)| *name == "ANTHROPIC_API_KEY") {
        println!("skipped: ANTHROPIC_API_KEY is not set, so there is no real model to ask");
        return;
    }
    for project in [Python, TypeScript, Go, Java, Rust] {
        mend(project, &Model::Real(set.clone()), Duration::from_mins(16)).await;
    }
}
