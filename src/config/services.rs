//! Settings of single services: the tables `[services.NAME]` of `logmend.toml`, or of the file that `LOGMEND_SERVICES` names.

use std::fmt::Display;

use toml::{Table, Value};

use super::{Reader, similar_name};
use crate::remedy::paths;
use crate::remedy::pattern::Pattern;
use crate::remedy::places::{PathRules, Service, Services};

const VARIABLE: &str = "LOGMEND_SERVICES";
/// The variable's key in the file, which tables in the file go by too.
pub(super) const KEY: &str = "services";

const FIELDS: [&str; 8] = [
    "repository",
    "base_branch",
    "source_root",
    "reviewers",
    "labels",
    "allow_paths",
    "deny_paths",
    "test_command",
];

/// The longest label that GitHub takes, and the longest command that is shown.
const LABEL_CHARS_MAX: usize = 50;
const COMMAND_CHARS_MAX: usize = 300;

impl Reader<'_> {
    /// The services' tables; a file that is named stands before tables in `logmend.toml`.
    pub(super) fn services(&mut self, has_repository: bool) -> Services {
        let (tables, origin) = match self.text(VARIABLE) {
            Some((path, origin)) => (self.services_file(&path, &origin).unwrap_or_default(), path),
            None => (self.services.take().unwrap_or_default(), "logmend.toml".to_owned()),
        };
        let mut services = Services::new();
        for (name, value) in tables {
            let origin = format!("{origin}: [services.{name}]");
            let Value::Table(table) = value else {
                self.fault(format!("{origin} must be a table"));
                continue;
            };
            let service = Reading { reader: self, origin: &origin, table }.service();
            if service.repository.is_none() && !has_repository {
                self.fault(format!(
                    "{origin} names no repository and GITHUB_REPOSITORY is not set; set one of them"
                ));
            }
            services.insert(name, service);
        }
        services
    }

    fn services_file(&mut self, path: &str, origin: &str) -> Option<Table> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                self.fault(format!("{origin}: cannot read {path}: {error}; name a file that exists"));
                return None;
            }
        };
        let mut whole = match text.parse::<Table>() {
            Ok(table) => table,
            Err(error) => {
                self.fault(format!("{origin}: {path} is no TOML: {}", error.to_string().trim()));
                return None;
            }
        };
        let services = whole.remove(KEY);
        for key in whole.keys() {
            self.fault(format!("{origin}: {path} holds {key}; it may hold [services.NAME] tables alone"));
        }
        if let Some(Value::Table(services)) = services {
            return Some(services);
        }
        self.fault(format!("{origin}: {path} holds no [services.NAME] table; write one for each service"));
        None
    }
}

/// One table that is being read.
struct Reading<'r, 's> {
    reader: &'r mut Reader<'s>,
    origin: &'r str,
    table: Table,
}

impl Reading<'_, '_> {
    fn service(mut self) -> Service {
        for key in self.table.keys().filter(|key| !FIELDS.contains(&key.as_str())) {
            let hint = similar_name(key, FIELDS.iter().map(ToString::to_string));
            self.reader.faults.push(format!("{}: there is no setting {key}{hint}", self.origin));
        }
        Service {
            repository: self.text("repository").and_then(|text| self.parsed("repository", &text)),
            base_branch: self.checked("base_branch", "the name of a branch", is_branch),
            source_root: self
                .text("source_root")
                .map(|root| root.trim_matches('/').to_owned())
                .filter(|root| self.fits("source_root", root, "a folder of the repository", is_folder))
                .unwrap_or_default(),
            reviewers: self
                .list("reviewers")
                .iter()
                .filter_map(|name| self.parsed("reviewers", name.strip_prefix('@').unwrap_or(name)))
                .collect(),
            labels: {
                let labels = self.list("labels");
                let want = "labels of 1 to 50 characters without a comma";
                labels.into_iter().filter(|label| self.fits("labels", label, want, is_label)).collect()
            },
            rules: PathRules { allow: self.patterns("allow_paths"), deny: self.patterns("deny_paths") },
            test_command: self.checked(
                "test_command",
                "one line of at most 300 characters, without ```",
                is_command,
            ),
        }
    }

    fn fault(&mut self, key: &str, what: impl Display) {
        self.reader.fault(format!("{}: {key} {what}", self.origin));
    }

    /// An empty text counts as unset, as with every other setting.
    fn text(&mut self, key: &str) -> Option<String> {
        if let Value::String(text) = self.table.get(key)? {
            return Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        }
        self.fault(key, "must be a text");
        None
    }

    fn list(&mut self, key: &str) -> Vec<String> {
        let texts = match self.table.get(key) {
            None => return Vec::new(),
            Some(Value::Array(values)) => {
                values.iter().map(|value| value.as_str().map(|text| text.trim().to_owned())).collect()
            }
            Some(_) => None,
        };
        texts.unwrap_or_else(|| {
            self.fault(key, "must be a list of texts, such as [\"a\", \"b\"]");
            Vec::new()
        })
    }

    fn parsed<T: std::str::FromStr>(&mut self, key: &str, text: &str) -> Option<T>
    where
        T::Err: Display,
    {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault(key, format!("is `{text}`: {error}"));
                None
            }
        }
    }

    fn fits(&mut self, key: &str, text: &str, want: &str, fits: fn(&str) -> bool) -> bool {
        if !fits(text) {
            self.fault(key, format!("is `{text}`; it must be {want}"));
        }
        fits(text)
    }

    fn checked(&mut self, key: &str, want: &str, fits: fn(&str) -> bool) -> Option<String> {
        let text = self.text(key)?;
        self.fits(key, &text, want, fits).then_some(text)
    }

    fn patterns(&mut self, key: &str) -> Vec<Pattern> {
        let mut patterns = Vec::new();
        for text in self.list(key) {
            match Pattern::new(&text) {
                Ok(pattern) => patterns.push(pattern),
                Err(error) => self.fault(key, format!("holds `{text}`: {error}")),
            }
        }
        patterns
    }
}

/// Git's rules for names of branches, as far as people break them ("git check-ref-format").
fn is_branch(name: &str) -> bool {
    name.len() <= 244
        && !name.starts_with(['-', '/'])
        && !name.ends_with(['/', '.'])
        && !name.contains("..")
        && !name.contains("//")
        && !name.contains(|c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c))
}

fn is_folder(path: &str) -> bool {
    paths::checked(path).is_ok()
}

fn is_label(label: &str) -> bool {
    (1..=LABEL_CHARS_MAX).contains(&label.chars().count())
        && !label.contains(|c: char| c == ',' || c.is_control())
}

fn is_command(command: &str) -> bool {
    command.chars().count() <= COMMAND_CHARS_MAX
        && !command.contains(char::is_control)
        && !command.contains("```")
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use crate::config::{ConfigError, Sources, load};
    use crate::remedy::Settings;

    fn read(text: &str, environment: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let mut sources = Sources::default();
        sources.environment.insert("LOGMEND_SERVICES".into(), file.path().to_str().unwrap().into());
        sources.environment.extend(environment.iter().map(|(key, value)| ((*key).into(), (*value).into())));
        load(&sources).map(|config| config.remedy)
    }

    const CHECKOUT: &str = r#"
[services.checkout]
repository = "acme/checkout"
base_branch = "release/2026"
source_root = "/services/checkout/"
reviewers = ["octocat", "@acme/payments"]
labels = ["team: checkout"]
allow_paths = ["/services/checkout/", "*.sql"]
deny_paths = ["**/auth/"]
test_command = "make -C services/checkout test"
[services."web shop"]
labels = []
"#;

    #[test]
    fn a_service_is_read_whole() {
        let settings = read(CHECKOUT, &[("GITHUB_REPOSITORY", "acme/shop")]).unwrap();
        let place = settings.place_of("checkout").unwrap();
        assert_eq!(place.repository.to_string(), "acme/checkout");
        assert_eq!(place.base_branch.as_deref(), Some("release/2026"));
        let service = place.service;
        assert_eq!(service.source_root, "services/checkout");
        let reviewers: Vec<_> = service.reviewers.iter().map(ToString::to_string).collect();
        assert_eq!(reviewers, ["octocat", "acme/payments"]);
        assert_eq!(service.labels, ["team: checkout"]);
        assert!(service.rules.check("services/checkout/a.py").is_ok());
        assert!(service.rules.check("services/checkout/auth/a.py").is_err());
        assert_eq!(service.test_command.as_deref(), Some("make -C services/checkout test"));
        assert_eq!(settings.place_of("web shop").unwrap().repository.to_string(), "acme/shop");
    }

    /// Tables stand in `logmend.toml` as well; the file that the variable names stands before them.
    #[test]
    fn tables_stand_in_the_file_of_all_settings_too() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        write!(file, "github_repository = \"acme/shop\"\n{CHECKOUT}").unwrap();
        let sources = Sources { file: Some(file.path().to_owned()), ..Sources::default() };
        let settings = load(&sources).unwrap().remedy;
        assert_eq!(settings.place_of("checkout").unwrap().repository.to_string(), "acme/checkout");
        assert_eq!(settings.place_of("other").unwrap().repository.to_string(), "acme/shop");
    }

    #[test]
    fn every_fault_is_told() {
        for (text, expected) in [
            (
                "[services.a]\nrepository = \"shop\"",
                "[services.a]: repository is `shop`: a repository is owner/name",
            ),
            (
                "[services.a]\nreposetory = \"a/b\"",
                "there is no setting reposetory; did you mean repository?",
            ),
            ("[services.a]\nlabels = \"x\"", "labels must be a list of texts"),
            ("[services.a]\nlabels = [\"a,b\"]", "labels is `a,b`; it must be labels of"),
            (
                "[services.a]\nreviewers = [\"jane@example.com\"]",
                "a reviewer is a login, or organisation/team",
            ),
            ("[services.a]\nsource_root = \"../x\"", "it must be a folder of the repository"),
            ("[services.a]\nbase_branch = \"a b\"", "it must be the name of a branch"),
            ("[services.a]\ndeny_paths = [\"!x\"]", "deny_paths holds `!x`: a pattern begins with no `!`"),
            ("[services.a]\ntest_command = 7", "test_command must be a text"),
            ("[services.a]\ntest_command = \"a\\nb\"", "it must be one line"),
            ("[services.a]\nlabels = []", "names no repository and GITHUB_REPOSITORY is not set"),
            ("services = 3", "holds no [services.NAME] table"),
            ("[checkout]\nrepository = \"a/b\"", "it may hold [services.NAME] tables alone"),
            ("[services]\na = 3", "[services.a] must be a table"),
            ("[services", "is no TOML"),
        ] {
            let told = read(text, &[]).unwrap_err().to_string();
            assert!(told.contains(expected), "{text}\n{told}");
        }
        let told = read("", &[("LOGMEND_SERVICES", "/nonexistent.toml")]).unwrap_err().to_string();
        assert!(told.contains("cannot read /nonexistent.toml"), "{told}");
    }
}
