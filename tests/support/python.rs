//! Programs in Python: real exporters, and checks against types and schemas that others publish.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;

/// A setting that `./scripts/test` makes.
fn prepared(variable: &str) -> PathBuf {
    let value = std::env::var_os(variable);
    value
        .unwrap_or_else(|| {
            panic!("{variable} is not set: run ./scripts/test, which installs what this test needs")
        })
        .into()
}

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
    let mut child = Command::new(prepared("LOGMEND_PYTHON"))
        .arg(script)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_owned());
    // A script that ends early tells why in what it prints, not in the broken pipe.
    let feeder = thread::spawn(move || stdin.write_all(input.as_bytes()).is_ok());
    // Away from the async threads: the script may speak to a stand-in that runs on them.
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    feeder.join().unwrap();
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told).into_owned();
    if output.status.success() { Ok(told) } else { Err(told) }
}
