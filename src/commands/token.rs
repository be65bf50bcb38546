//! `logmend token`: makes a token, and shows what the settings need to know of it.

use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};

use super::complain;
use crate::model::{TokenHash, TokenScope};

/// The command line of `logmend token`.
pub(super) fn command_line() -> Command {
    Command::new("token")
        .about("Make a token with a scope, and show it with the hash that goes into the settings")
        .arg(Arg::new("name").value_name("NAME").required(true).help("what people call it; letters, digits, - and _"))
        .arg(
            Arg::new("scope")
                .long("scope")
                .default_value("read")
                .value_parser(TokenScope::ALL.map(TokenScope::as_str))
                .help("ingest: send logs; read: look at the API and the dashboard as well; admin: change things as well"),
        )
}

/// Makes it. Nothing is stored: whoever runs it keeps the token, and writes the hash into the settings.
#[must_use]
#[expect(clippy::print_stdout, reason = "the command's output")]
pub fn main(matches: &ArgMatches) -> ExitCode {
    let given = |name: &str| matches.get_one::<String>(name).map(String::as_str).unwrap_or_default();
    let (name, scope) = (given("name"), given("scope"));
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
        complain("the name must be letters, digits, `-` and `_`");
        return ExitCode::FAILURE;
    }
    let mut random = [0; 32];
    if rustls::crypto::ring::default_provider().secure_random.fill(&mut random).is_err() {
        complain("the system gives no random numbers; try again");
        return ExitCode::FAILURE;
    }
    let token = random
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .fold("lm_".to_owned(), |token, digits| token + &digits);
    let hash = TokenHash::of(&token);
    println!("token   {token}");
    println!("sha256  {hash}\n");
    println!("The token is shown this once. In logmend.toml:\n");
    println!("[tokens.{name}]\nscope = \"{scope}\"\nsha256 = \"{hash}\"\n");
    println!("or in the environment:\n\nLOGMEND_TOKENS={name}:{scope}:{hash}");
    ExitCode::SUCCESS
}
