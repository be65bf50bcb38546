//! `logmend run --print-config`: the settings as they are resolved, each with where it comes from.
//!
//! The TOML can be read back by `--config`: what is a secret, and what nobody set, stands in comments.

use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::{Value, json};
use toml::Table;

use crate::config::{Source, Written, WrittenSetting};

const MASK: &str = "********";
/// The keys of a `[[github]]` table that hold secrets.
const SECRETS: [&str; 2] = ["token", "private_key"];

/// Prints all settings as `format` says: `toml` or `json`.
pub(super) fn print_config(written: &Written, format: &str) {
    let text = if format == "json" { format!("{:#}\n", as_json(written)) } else { as_toml(written) };
    // A reader that went away has seen enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn as_toml(written: &Written) -> String {
    let mut text = format!(
        "# The settings of logmend {}. What is in a comment was set by nobody, or is a secret, which this file does not show.\n\n",
        env!("CARGO_PKG_VERSION")
    );
    for setting in written.settings() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", line(setting));
    }
    // A file that is named stands before the tables, and both have one name.
    let is_named =
        |key: &str| written.settings().iter().any(|one| one.key.file_key() == key && one.must_be_written());
    for (key, value) in written.tables().iter().filter(|(key, _)| !is_named(key)) {
        match value {
            toml::Value::Array(tables) => {
                tables.iter().filter_map(toml::Value::as_table).for_each(|table| {
                    let _ = write!(text, "\n{}", account(key, table));
                });
            }
            value => {
                let table = Table::from_iter([(key.clone(), value.clone())]);
                let _ = write!(text, "\n{table}");
            }
        }
    }
    text
}

fn line(setting: &WrittenSetting) -> String {
    let key = setting.key.file_key();
    let Some(value) = setting.shown() else { return format!("# {key} is not set") };
    let remark = match origin(setting) {
        origin if setting.must_be_written() && setting.is_masked() => format!("{origin}, masked"),
        origin => origin,
    };
    let is_comment = setting.is_masked() || !setting.must_be_written();
    let mark = if is_comment { "# " } else { "" };
    format!("{mark}{key} = {}  # {remark}", literal(&value))
}

/// A number or a truth value as such, everything else as a text: reading takes both.
fn literal(value: &str) -> String {
    let is_number = value.parse::<u32>().is_ok_and(|number| number.to_string() == value);
    if is_number || matches!(value, "true" | "false") {
        return value.to_owned();
    }
    toml::Value::String(value.to_owned()).to_string()
}

fn origin(setting: &WrittenSetting) -> String {
    match setting.source {
        Source::Flag => format!("flag --{}", setting.key.flag()),
        Source::Environment => format!("environment {}", setting.key.variable),
        Source::File => "file".to_owned(),
        Source::Default => "default".to_owned(),
    }
}

/// One `[[github]]` table; one that holds a secret stands in comments, as without it it could not be read.
fn account(key: &str, table: &Table) -> String {
    let (masked, has_secret) = without_secrets(table);
    let text = format!("[[{key}]]\n{masked}");
    if has_secret { format!("# {}\n", text.trim_end().replace('\n', "\n# ")) } else { text }
}

fn without_secrets(table: &Table) -> (Table, bool) {
    let mut masked = table.clone();
    let secrets = masked.iter_mut().filter(|(key, _)| SECRETS.contains(&key.as_str()));
    let count = secrets.map(|(_, value)| *value = MASK.into()).count();
    (masked, count > 0)
}

fn as_json(written: &Written) -> Value {
    let settings = written.settings().iter().map(|setting| {
        json!({
            "key": setting.key.file_key(),
            "variable": setting.key.variable,
            "value": setting.shown(),
            "masked": setting.is_masked(),
            "source": match setting.source {
                Source::Flag => "flag",
                Source::Environment => "environment",
                Source::File => "file",
                Source::Default => "default",
            },
        })
    });
    let mut shown = json!({ "settings": settings.collect::<Vec<_>>() });
    for (key, value) in written.tables() {
        shown[key] = match value {
            toml::Value::Array(tables) => tables
                .iter()
                .filter_map(toml::Value::as_table)
                .map(|table| json!(without_secrets(table).0))
                .collect(),
            value => json!(value),
        };
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{Config, Sources, load};

    fn config(file: &str, environment: &[(&str, &str)]) -> Config {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logmend.toml");
        std::fs::write(&path, file).unwrap();
        let environment = environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let flags = BTreeMap::from([("LOGMEND_MIN_EVENTS", "9".to_owned())]);
        load(&Sources { flags, environment: environment.collect(), file: Some(path) }).unwrap()
    }

    const FILE: &str = r#"
error_monitor_interval = 60
loki_query = "{app=\"a\"} |= `#\"'`"
anthropic_api_key = "sk-ant-s3cret"
github_repository = "acme/shop"
[services.checkout]
repository = "acme/checkout"
labels = ["a", "b"]
[[github]]
repository = "acme/shop"
token = "s3cret"
"#;

    /// Settings that are printed and read back are the same, but for secrets, which the file never holds.
    #[test]
    fn what_is_printed_can_be_read_back() {
        let environment = [("PORT", "9000"), ("DATABASE_URL", "postgres://me:s3cret@db/logmend")];
        let first = config(FILE, &environment).written;
        let text = as_toml(&first);
        assert!(!text.contains("s3cret"), "{text}");
        for expected in [
            "\nerror_monitor_interval = 60  # file\n",
            "\n# anthropic_api_key = \"********\"  # file, masked\n",
            "\n# max_open_prs = 5  # default\n",
            "\n# github_app_id is not set\n",
            "\nport = 9000  # environment PORT\n",
            "\ngrpc_addr = \"[::]:4317\"  # default\n",
            "\n# database_url = \"postgres://me:********@db/logmend\"  # environment DATABASE_URL, masked\n",
            "\n# [[github]]\n",
            "\nmin_events = 9  # flag --min-events\n",
        ] {
            assert!(text.contains(expected), "{expected} in\n{text}");
        }
        let again = config(&text, &[]).written;
        assert_eq!(first.differing(&again), ["ANTHROPIC_API_KEY", "DATABASE_URL"]);
        assert_eq!(again.tables()["services"], first.tables()["services"]);
    }

    #[test]
    fn programs_get_json() {
        let shown = as_json(&config(FILE, &[]).written);
        let key = shown["settings"].as_array().unwrap().iter().find(|one| one["key"] == "anthropic_api_key");
        assert_eq!(key.unwrap()["value"], MASK);
        assert_eq!(shown["github"][0]["token"], MASK);
        assert_eq!(shown["services"]["checkout"]["labels"][1], "b");
    }
}
