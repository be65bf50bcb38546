//! The rules that are compiled in, one file for each domain.

use super::catalogue::Catalogue;
use super::source;

/// A file of the built-in catalogue.
#[derive(Debug, Clone, Copy)]
pub struct BuiltIn {
    /// Its name.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(BuiltIn { name: $name, text: include_str!(concat!("rules/", $name)) }),*]
    };
}

/// The files in the order in which their rules are tried: what names its program before what many programs say, and
/// crashes, which are told in the middle of anything, first of all.
pub const BUILT_IN: &[BuiltIn] = files![
    "crashes.toml",
    "postgres.toml",
    "mysql.toml",
    "sql.toml",
    "pools.toml",
    "mongodb.toml",
    "caches.toml",
    "data.toml",
    "brokers.toml",
    "providers.toml",
    "clouds.toml",
    "tls_dns.toml",
    "kubernetes.toml",
    "workers.toml",
    "os.toml",
    "login.toml",
    "web_servers.toml",
    "devices.toml",
    "http.toml",
    "network.toml",
    "callers.toml",
    "javascript.toml",
    "jvm.toml",
    "dotnet.toml",
    "python.toml",
    "ruby_php.toml",
    "rest.toml",
];

impl Catalogue {
    /// The catalogue that is compiled in.
    #[must_use]
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "the texts are fixed at compile time and a test parses them"
    )]
    pub fn built_in() -> Self {
        let read =
            |file: &BuiltIn| source::read(file.text).expect("the built-in rules are valid, as a test proves");
        Self::of(BUILT_IN.iter().flat_map(read).map(|entry| entry.rule))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::classify::{Rule, lint};

    /// Each rule is the first that holds for its own lines, and holds for none of its near misses; none is shadowed.
    #[test]
    fn the_lint_finds_nothing_in_the_built_in_rules() {
        let texts: Vec<_> = BUILT_IN.iter().map(|file| file.text).collect();
        let lint = lint(&texts).unwrap();
        let findings =
            lint.findings.iter().map(|(text, finding)| format!("{}: {finding}", BUILT_IN[*text].name));
        let findings: Vec<_> = findings.collect();
        assert!(findings.is_empty(), "{} findings\n{}", findings.len(), findings.join("\n"));
        assert!(lint.rules >= 250, "{} rules", lint.rules);
        assert!(lint.lines >= 4 * lint.rules, "{} lines", lint.lines);
    }

    #[test]
    fn ids_are_unique_over_all_files_and_every_file_is_in_the_order() {
        let catalogue = Catalogue::built_in();
        let ids: BTreeSet<_> = catalogue.rules().iter().map(Rule::id).collect();
        assert_eq!(ids.len(), catalogue.rules().len());
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/classify/rules");
        let files: BTreeSet<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(files, BUILT_IN.iter().map(|file| file.name.to_owned()).collect());
    }
}
