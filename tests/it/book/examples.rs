//! What pages show of the program's answers is what it answers.

use std::process::Command;

use serde_json::Value;

use super::pages::{self, Page};
use crate::support::programs;
use crate::support::server;
use crate::support::service::Service;

/// The problem that `docs/api.md` shows is the answer to a limit of none.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_as_it_is_shown() {
    let service = Service::start(&[]).await;
    let url = format!("{}/error-monitor/errors/recent?limit=0", service.api_url());
    let told: Value = server::client().get(url).send().await.unwrap().json().await.unwrap();
    let page = Page::read("docs/api.md");
    let shown = page.blocks_of("json").map(|block| serde_json::from_str::<Value>(&block.text).unwrap());
    assert!(shown.into_iter().any(|problem| problem == told), "docs/api.md does not show {told}");
}

/// The lines that `docs/start.md` shows of the log are in it, but for the ports.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_is_told_as_it_is_shown() {
    let service = Service::start(&[]).await;
    service.wait_for_log("✓ Error monitor initialized", 1).await;
    let log = service.logs();
    let page = Page::read("docs/start.md");
    let shown: Vec<_> = page.blocks_of("text").flat_map(|block| block.text.lines()).collect();
    assert!(shown.len() > 4, "{shown:?}");
    for line in shown {
        let message = line.split("127.0.0.1:").next().unwrap();
        assert!(log.contains(message), "{message:?} is not in the log:\n{log}");
    }
}

/// The numbers of the demo are those that `docs/start.md` names.
#[test]
fn the_demo_finds_as_much_as_is_said() {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_logmend"));
    let shown = demo.env_clear().args(["demo", "--exit"]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    let text = Page::read("docs/start.md").text.replace('\n', " ");
    for (told, said) in [
        ("35 errors in 306 lines, folded into 3 clusters", "35 errors, folded into 3"),
        ("replaying 306 log lines", "replays 306 lines"),
    ] {
        assert!(shown.contains(told) && text.contains(said), "{told:?}, {said:?}:\n{shown}");
    }
}

/// `logmend rules test` explains the line of `docs/rules.md` as it is shown there.
#[test]
fn a_rule_is_explained_as_it_is_shown() {
    let page = Page::read("docs/rules.md");
    let shown =
        page.blocks_of("text").find(|block| block.text.contains("is the first rule that holds")).unwrap();
    let line = shown.text.lines().next().unwrap();
    let mut test = Command::new(env!("CARGO_BIN_EXE_logmend"));
    let told = test.env_clear().args(["rules", "test", line]).output().unwrap();
    assert_eq!(String::from_utf8(told.stdout).unwrap().trim_end(), shown.text.trim_end());
}

/// Python of the pages is Python.
#[tokio::test(flavor = "multi_thread")]
async fn python_is_python() {
    for page in pages::all() {
        for block in page.blocks_of("python") {
            let mut python = Command::new(programs::prepared("LOGMEND_PYTHON"));
            python.args(["-c", "import ast, sys; ast.parse(sys.stdin.read())"]);
            let told = programs::attempt(python, &block.text).await;
            assert!(told.is_ok(), "{}: {told:?}", block.place);
        }
    }
}
