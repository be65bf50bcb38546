//! The settings of GitHub: `GITHUB_…`, and the repositories that have credentials of their own.

use std::fs;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::{Reader, similar_name, toml_fault};
use crate::github::{Account, App, Credentials, Scope, Settings};

const TOKEN: &str = "GITHUB_TOKEN";
const APP_ID: &str = "GITHUB_APP_ID";
const PRIVATE_KEY: &str = "GITHUB_APP_PRIVATE_KEY";
const ACCOUNTS: &str = "LOGMEND_GITHUB_ACCOUNTS";

/// The key of the tables, in `logmend.toml` and in the file that [`ACCOUNTS`] names.
pub(super) const TABLES: &str = "github";

/// What a table may hold.
const FIELDS: [&str; 7] =
    ["repository", "token", "token_file", "app_id", "private_key", "private_key_file", "api_url"];

/// What is told of a table that does not say once who speaks.
const WHO: &str = "must have one of token, token_file, or app_id with private_key or private_key_file";

impl Reader<'_> {
    /// GitHub, with every account.
    pub(super) fn github(&mut self) -> Settings {
        let api_url = self.url("GITHUB_API_URL", &Settings::default().api_url);
        let credentials = self.github_credentials();
        let mut tables = std::mem::take(&mut self.github_tables);
        if let Some((path, origin)) = self.text(ACCOUNTS) {
            match read_tables(Path::new(&path)) {
                Ok(more) => tables.extend(more),
                Err(fault) => self.fault(format!("{origin}: {path} {fault}")),
            }
        }
        let mut accounts: Vec<Account> = Vec::with_capacity(tables.len());
        for Table { place, fields } in tables {
            match account(fields, &api_url) {
                Ok(account) if accounts.iter().any(|known| known.scope == account.scope) => {
                    self.fault(format!("{place}: {} has an account already; take one away", account.scope));
                }
                Ok(account) => accounts.push(account),
                Err(fault) => self.fault(format!("{place}: {fault}")),
            }
        }
        Settings { api_url, credentials, accounts }
    }

    fn github_credentials(&mut self) -> Option<Credentials> {
        let token = self.secret(TOKEN);
        let id = self
            .parse(APP_ID, "the App's id, a number: its page at GitHub tells it", |text| text.parse().ok());
        let key = self.text(PRIVATE_KEY);
        let (named_id, named_key) = (self.text(APP_ID).is_some(), key.is_some());
        if token.is_some() && (named_id || named_key) {
            self.fault(format!(
                "{TOKEN} is set, and so is a GitHub App: unset {TOKEN} to speak as the App, or {APP_ID} and {PRIVATE_KEY} to speak as the token's user"
            ));
            return None;
        }
        match (id, key) {
            (Some(id), Some((text, origin))) => match app(id, &private_key(&text)) {
                Ok(credentials) => Some(credentials),
                Err(fault) => {
                    self.fault(format!("{origin}: {fault}"));
                    None
                }
            },
            (None, Some(_)) if !named_id => {
                self.fault(format!("{PRIVATE_KEY} is set but {APP_ID} is not; set it to the App's id"));
                None
            }
            (_, None) if named_id => {
                self.fault(format!(
                    "{APP_ID} is set but {PRIVATE_KEY} is not; set it to the App's private key, or to the path of its .pem file"
                ));
                None
            }
            _ => token.map(Credentials::Token),
        }
    }
}

/// One table, and where it stands.
#[derive(Debug)]
pub(super) struct Table {
    place: String,
    fields: toml::Table,
}

/// The tables of a parsed file. What they hold is never told: it may be a secret.
pub(super) fn tables(file: &str, value: toml::Value) -> Result<Vec<Table>, String> {
    let wrong = || format!("{file}: {TABLES} must be tables, each begun by [[{TABLES}]]");
    let toml::Value::Array(values) = value else { return Err(wrong()) };
    let table = |(at, value): (usize, toml::Value)| match value {
        toml::Value::Table(fields) => Ok(Table { place: format!("{file}: [[{TABLES}]] {}", at + 1), fields }),
        _ => Err(wrong()),
    };
    values.into_iter().enumerate().map(table).collect()
}

fn read_tables(path: &Path) -> Result<Vec<Table>, String> {
    let text = fs::read_to_string(path)
        .map_err(|error| format!("cannot be read: {error}; name a file that exists"))?;
    let mut file: toml::Table =
        text.parse().map_err(|error| format!("is no TOML: {}", toml_fault(&text, &error)))?;
    let value = file.remove(TABLES).ok_or_else(|| format!("has no table; begin each by [[{TABLES}]]"))?;
    match file.keys().next() {
        Some(key) => Err(format!("may hold [[{TABLES}]] alone; take {key} away")),
        None => tables(&path.display().to_string(), value),
    }
}

fn account(mut fields: toml::Table, api_url: &str) -> Result<Account, String> {
    if let Some(unknown) = fields.keys().find(|key| !FIELDS.contains(&key.as_str())) {
        let hint = similar_name(unknown, FIELDS.iter().map(ToString::to_string));
        return Err(format!("there is no key {unknown}{hint}"));
    }
    let scope =
        text(&mut fields, "repository")?.ok_or("repository is missing: owner/name, or an owner alone")?;
    let scope: Scope =
        scope.parse().map_err(|error| format!("repository is `{scope}`: {error}; or an owner alone"))?;
    let api_url = match text(&mut fields, "api_url")? {
        None => api_url.to_owned(),
        Some(url) if is_url(&url) => url.trim_end_matches('/').to_owned(),
        Some(_) => return Err("api_url must be a URL that begins with https:// or http://".to_owned()),
    };
    let id = match fields.remove("app_id") {
        None => None,
        Some(toml::Value::Integer(id)) => {
            Some(u64::try_from(id).map_err(|_| "app_id must be a number above 0")?)
        }
        Some(_) => return Err("app_id must be a number".to_owned()),
    };
    let token = inline_or_file(&mut fields, "token")?;
    let key = inline_or_file(&mut fields, "private_key")?;
    let credentials = match (token, id, key) {
        (Some(token), None, None) if token.expose_secret().bytes().all(|byte| byte.is_ascii_graphic()) => {
            Credentials::Token(token)
        }
        (Some(_), None, None) => return Err("the token holds a character that no token has".to_owned()),
        (None, Some(id), Some(key)) => app(id, &Ok(key))?,
        _ => return Err(WHO.to_owned()),
    };
    Ok(Account { scope, api_url, credentials })
}

fn is_url(text: &str) -> bool {
    let uri = text.parse::<http::Uri>().ok();
    uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
}

fn text(fields: &mut toml::Table, key: &str) -> Result<Option<String>, String> {
    match fields.remove(key) {
        None => Ok(None),
        Some(toml::Value::String(text)) if !text.trim().is_empty() => Ok(Some(text.trim().to_owned())),
        Some(_) => Err(format!("{key} must be a text")),
    }
}

/// `key` itself, or what the file holds that `key_file` names.
fn inline_or_file(fields: &mut toml::Table, key: &str) -> Result<Option<SecretString>, String> {
    let file = format!("{key}_file");
    match (text(fields, key)?, text(fields, &file)?) {
        (Some(_), Some(_)) => Err(format!("{key} and {file} are both set; take one away")),
        (Some(text), None) => Ok(Some(text.into())),
        (None, Some(path)) => {
            read_secret(Path::new(&path)).map(Some).map_err(|fault| format!("{file}: {fault}"))
        }
        (None, None) => Ok(None),
    }
}

fn read_secret(path: &Path) -> Result<SecretString, String> {
    let text = fs::read_to_string(path)
        .map_err(|error| format!("{} cannot be read: {error}; name a file that exists", path.display()))?;
    match text.trim() {
        "" => Err(format!("{} is empty", path.display())),
        text => Ok(SecretString::from(text.to_owned())),
    }
}

/// A private key is PEM text where it begins like that, with line breaks or the `\n` that files of variables have for them;
/// else the path of a file that holds it.
fn private_key(text: &str) -> Result<SecretString, String> {
    if text.starts_with("-----BEGIN") {
        Ok(SecretString::from(text.replace("\\n", "\n")))
    } else if text.len() > 500 || text.contains('\n') {
        // No path, but perhaps a key without its first line: it is not repeated.
        Err("it is neither PEM text, which begins with -----BEGIN, nor the path of a file".to_owned())
    } else {
        read_secret(&PathBuf::from(text))
    }
}

fn app(id: u64, key: &Result<SecretString, String>) -> Result<Credentials, String> {
    let key = key.as_ref().map_err(Clone::clone)?;
    let app = App::new(id, key.expose_secret()).map_err(|error| error.to_string())?;
    Ok(Credentials::App(app))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::super::{Config, Sources, load};
    use super::*;

    /// A key of no App, made for this test.
    const KEY: &str = include_str!("../../tests/support/github/app.pem");

    fn config(environment: &[(&str, &str)], file: Option<&Path>) -> Result<Config, String> {
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let sources = Sources { environment, file: file.map(Path::to_owned), ..Sources::default() };
        load(&sources).map_err(|error| error.to_string())
    }

    #[test]
    fn an_app_is_an_id_and_a_key_as_text_or_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.pem");
        fs::write(&path, KEY).unwrap();
        for key in [KEY, &KEY.replace('\n', "\\n"), path.to_str().unwrap()] {
            let config = config(&[(APP_ID, "7"), (PRIVATE_KEY, key)], None).unwrap();
            assert!(matches!(config.github.credentials, Some(Credentials::App(_))), "{key}");
            let shown = format!("{config:?}");
            assert!(shown.contains("App { id: 7, .. }") && !shown.contains("PRIVATE"), "{shown}");
        }
    }

    #[test]
    fn half_an_app_or_two_identities_are_told_with_the_mend() {
        for (environment, expected) in [
            (&[(APP_ID, "7")][..], "GITHUB_APP_PRIVATE_KEY is not; set it to the App's private key"),
            (&[(PRIVATE_KEY, KEY)], "GITHUB_APP_ID is not; set it to the App's id"),
            (&[(APP_ID, "seven"), (PRIVATE_KEY, KEY)], "GITHUB_APP_ID is `seven`; it must be the App's id"),
            (&[(APP_ID, "7"), (PRIVATE_KEY, "/nowhere/app.pem")], "/nowhere/app.pem cannot be read"),
            (&[(APP_ID, "7"), (PRIVATE_KEY, "-----BEGIN X-----\nc2VjcmV0")], "it is no RSA private key"),
            (&[(APP_ID, "7"), (PRIVATE_KEY, "c2VjcmV0\nc2VjcmV0")], "neither PEM text"),
            (
                &[(APP_ID, "7"), (PRIVATE_KEY, KEY), (TOKEN, "ghp_x")],
                "unset GITHUB_TOKEN to speak as the App",
            ),
            (&[(ACCOUNTS, "/nowhere.toml")], "/nowhere.toml cannot be read"),
        ] {
            let told = config(environment, None).unwrap_err();
            assert!(told.contains(expected) && !told.contains("c2VjcmV0"), "{told}");
            assert_eq!(told.lines().count(), 1, "{told}");
        }
    }

    #[test]
    fn accounts_come_from_both_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("token"), "ghp_ofafile\n").unwrap();
        fs::write(path("app.pem"), KEY).unwrap();
        let mut own = "port = 9000\n[[github]]\nrepository = \"acme/shop\"\n".to_owned();
        writeln!(own, "token_file = {:?}", path("token")).unwrap();
        fs::write(path("logmend.toml"), own).unwrap();
        let mut other = "[[github]]\nrepository = \"Umbrella\"\napp_id = 7\n".to_owned();
        writeln!(
            other,
            "private_key_file = {:?}\napi_url = \"https://ghes.umbrella.com/api/v3/\"",
            path("app.pem")
        )
        .unwrap();
        fs::write(path("accounts.toml"), other).unwrap();
        let accounts = path("accounts.toml");
        let config = config(&[(ACCOUNTS, accounts.to_str().unwrap())], Some(&path("logmend.toml"))).unwrap();
        let shown: Vec<_> =
            config.github.accounts.iter().map(|a| (a.scope.to_string(), a.api_url.as_str())).collect();
        let expected =
            [("acme/shop", "https://api.github.com"), ("Umbrella", "https://ghes.umbrella.com/api/v3")];
        assert_eq!(shown, expected.map(|(scope, url)| (scope.to_owned(), url)));
        assert!(
            matches!(&config.github.accounts[0].credentials, Credentials::Token(t) if t.expose_secret() == "ghp_ofafile")
        );
        assert!(!format!("{config:?}").contains("ghp_ofafile"));
    }

    #[test]
    fn a_faulty_account_is_told_without_its_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("accounts.toml");
        let file = path.to_str().unwrap();
        for (text, expected) in [
            ("", "has no table"),
            ("port = 1\n[[github]]\nrepository = \"a\"\ntoken = \"s3cret\"", "take port away"),
            ("github = \"s3cret\"", "must be tables, each begun by [[github]]"),
            ("[[github]]\ntoken = \"s3cret\"", "repository is missing"),
            ("[[github]]\nrepository = \"a b\"\ntoken = \"s3cret\"", "repository is `a b`"),
            ("[[github]]\nrepository = \"a\"", "must have one of token"),
            ("[[github]]\nrepository = \"a\"\ntoken = \"s3cret\"\napp_id = 7", "must have one of token"),
            ("[[github]]\nrepository = \"a\"\napp_id = \"s3cret\"", "app_id must be a number"),
            (
                "[[github]]\nrepository = \"a\"\ntokn = \"s3cret\"",
                "there is no key tokn; did you mean token?",
            ),
            ("[[github]]\nrepository = \"a\"\ntoken = \"s3cret\"\ntoken_file = \"x\"", "both set"),
            ("[[github]]\nrepository = \"a\"\ntoken_file = \"/nowhere\"", "/nowhere cannot be read"),
            ("[[github]]\nrepository = \"a\"\ntoken = \"s3 cret\"", "a character that no token has"),
            ("[[github]]\nrepository = \"a\"\ntoken = \"s3cret", "is no TOML: line 3"),
            (
                "[[github]]\nrepository = \"a\"\ntoken = \"s3cret\"\napi_url = \"s3cret\"",
                "api_url must be a URL",
            ),
            (
                "[[github]]\nrepository = \"a\"\ntoken = \"x\"\n[[github]]\nrepository = \"a\"\ntoken = \"y\"",
                "[[github]] 2: a has an account already",
            ),
        ] {
            fs::write(&path, text).unwrap();
            let told = config(&[(ACCOUNTS, file)], None).unwrap_err();
            assert!(told.contains(expected) && !told.contains("s3"), "{text}\n{told}");
        }
    }
}
