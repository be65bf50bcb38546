//! Programs of other languages, run to their end with what `./scripts/test` installed for them.

use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

pub use super::engines::prepared;

/// Runs a program to its good end with `input` on its standard input, and returns what it printed. A failure of the
/// program is `Err` with what it printed.
pub async fn attempt(mut program: Command, input: &str) -> Result<String, String> {
    let mut child =
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_owned());
    // A program that ends early tells why in what it prints, not in the broken pipe.
    let feeder = thread::spawn(move || stdin.write_all(input.as_bytes()).is_ok());
    // Away from the async threads: the program may speak to a stand-in that runs on them.
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    feeder.join().unwrap();
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told).into_owned();
    if output.status.success() { Ok(told) } else { Err(told) }
}

/// As [`attempt`] without input, for what may not fail.
pub async fn run(program: Command) -> String {
    let shown = format!("{program:?}");
    attempt(program, "").await.unwrap_or_else(|told| panic!("{shown} failed:\n{told}"))
}
