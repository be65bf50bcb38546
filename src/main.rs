//! The `logmend` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    let matches = logmend::commands::command().get_matches();
    logmend::commands::dispatch(&matches)
}
