//! Programs in Python: real exporters, and checks against types and schemas that others publish.

use std::process::Command;

use serde_json::Value;

use super::programs::{self, prepared};

/// Where GitHub's own description of its API lies.
pub fn github_openapi() -> String {
    prepared("LOGMEND_GITHUB_OPENAPI").to_str().unwrap().to_owned()
}

/// Values as the lines of JSON that the scripts read.
pub fn lines(values: &[Value]) -> String {
    values.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
}

/// A script of `tests/support/`.
pub fn script(name: &str) -> String {
    format!("{}/tests/support/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Runs a script to its good end.
pub async fn run(script: &str, args: &[&str]) {
    feed(script, args, "").await;
}

/// Runs a script to its good end with `input` on its standard input, and returns what it printed.
pub async fn feed(script: &str, args: &[&str], input: &str) -> String {
    attempt(script, args, input).await.unwrap_or_else(|told| panic!("{script} {args:?} failed:\n{told}"))
}

/// As [`feed`], but a failure of the script is `Err` with what it printed.
pub async fn attempt(script: &str, args: &[&str], input: &str) -> Result<String, String> {
    let mut python = Command::new(prepared("LOGMEND_PYTHON"));
    python.arg(script).args(args);
    programs::attempt(python, input).await
}
