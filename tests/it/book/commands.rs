//! Commands of the pages, run: each `sh` block as one script against a service that has errors and a fix.

use clap::error::ErrorKind;
use logmend::commands::command;

use super::pages::{self, Block};
use super::world::World;

/// Lines with our commands that are not run, by what they hold, and why. Their flags are looked at all the same.
const NOT_RUN: &[(&str, &str)] =
    &[("tail -f", "never ends"), ("RULE_ID", "needs a learned rule, as tests/it/learning.rs has")];

/// Pages whose commands speak to services elsewhere. Their flags, names and files are looked at all the same.
const SPEAKS_ELSEWHERE: [&str; 1] = ["docs/railway.md"];

/// A block's commands, each on one line.
fn lines(block: &Block) -> Vec<String> {
    let joined = block.text.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(ToOwned::to_owned).collect()
}

/// Ours are `logmend`, also behind variables or a pipe, and `curl` of the service; what belongs to others (cargo, docker, SDKs) is theirs
/// to test. `tests/it/exporters.rs` runs real SDKs, `collector.rs` a real Collector.
fn is_run(line: &str) -> bool {
    let is_ours = match command_of(line) {
        Some("logmend" | "export") => true,
        Some("curl") => line.contains("localhost:"),
        _ => line.contains("| logmend "),
    };
    is_ours && !NOT_RUN.iter().any(|(part, _)| line.contains(part))
}

/// The first word of a line that sets no variable.
fn command_of(line: &str) -> Option<&str> {
    line.split(' ').find(|word| !word.split_once('=').is_some_and(|(name, _)| is_variable(name)))
}

fn is_variable(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Every command of ours in a shell block runs and succeeds.
#[tokio::test(flavor = "multi_thread")]
async fn every_command_runs() {
    let world = World::start().await;
    let (mut ran, mut asked, mut faults) = (0, 0, Vec::new());
    for page in pages::all().iter().filter(|page| !SPEAKS_ELSEWHERE.contains(&page.path.as_str())) {
        for block in page.blocks_of("sh") {
            asked += usize::from(block.text.contains("generate-"));
            let mut script = Vec::new();
            for line in lines(block).iter().filter(|line| is_run(line)) {
                script.push(world.localized(line, block, asked).await);
            }
            if script.iter().all(|line| line.starts_with("export ")) {
                continue;
            }
            ran += script.len();
            if let Err(told) = world.run(&script.join("\n")).await {
                faults.push(format!("{}:\n{told}", block.place));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    assert!(ran > 40, "{ran}");
}

/// Exceptions that no page needs any more are taken out.
#[test]
fn what_is_not_run_is_named_somewhere() {
    let pages = pages::all();
    let shell = pages.iter().flat_map(|page| page.blocks_of("sh")).flat_map(lines).collect::<Vec<_>>();
    for (named, reason) in NOT_RUN {
        assert!(!reason.is_empty());
        assert!(shell.iter().any(|line| line.contains(named)), "no page has {named:?} any more");
    }
}

/// A command line as a shell takes it apart; quotes are all that the pages need of that.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (c, quote) {
            ('\'' | '"', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, Some(open)) if c == open => quote = None,
            (' ', None) => words.extend(word.take()),
            ('#' | '|' | '>' | '&' | ';' | ')', None) if word.is_none() => break,
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Also what is not run, and what stands in a sentence, has commands and flags that there are.
#[test]
fn every_command_line_is_one() {
    let mut parsed = 0;
    for page in pages::all() {
        let shell = page.blocks.iter().filter(|block| ["sh", ""].contains(&block.language.as_str()));
        let from_blocks = shell.flat_map(lines).filter_map(|line| {
            let piped = line.find("| logmend ").map(|at| at + 2);
            let begun = (command_of(&line) == Some("logmend")).then(|| line.find("logmend")).flatten();
            Some(line[begun.or(piped)?..].to_owned())
        });
        let spans = page.spans.iter().filter(|span| span.starts_with("logmend ")).cloned();
        for line in from_blocks.chain(spans).filter(|line| !line.contains(['…', '|'])) {
            let told = command().try_get_matches_from(words(&line.replace("SHELL", "bash"))).map(drop);
            // `--help` is told as an error too, and a sentence may name a command without its arguments.
            let told = told.or_else(|error| match error.kind() {
                ErrorKind::MissingRequiredArgument => Ok(()),
                _ if error.use_stderr() => Err(error.to_string()),
                _ => Ok(()),
            });
            assert!(told.is_ok(), "{}: {line}: {told:?}", page.path);
            parsed += 1;
        }
    }
    assert!(parsed > 30, "{parsed}");
}
