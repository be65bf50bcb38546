//! Tokens with a scope: the tables `[tokens.NAME]` of `logmend.toml`, or `LOGMEND_TOKENS`.

use secrecy::ExposeSecret as _;
use toml::{Table, Value};

use super::{Reader, similar_name};
use crate::model::{KnownToken, TokenHash, TokenScope, Tokens};

const VARIABLE: &str = "LOGMEND_TOKENS";
/// The variable's key in the file, which tables in the file go by too.
pub(super) const KEY: &str = "tokens";

const FIELDS: [&str; 2] = ["scope", "sha256"];

/// How many tokens there may be: each call is held against all of them.
const TOKENS_MAX: usize = 100;
const NAME_BYTES_MAX: usize = 40;

const MEND: &str = "`logmend token NAME` makes a token and shows what to write here";

impl Reader<'_> {
    /// All of them, of the variable and the file.
    pub(super) fn tokens(&mut self) -> Tokens {
        let mut tokens = Vec::new();
        for (name, value) in self.tokens.take().unwrap_or_default() {
            let origin = format!("logmend.toml: [tokens.{name}]");
            let Value::Table(table) = value else {
                self.fault(format!("{origin} must be a table; {MEND}"));
                continue;
            };
            tokens.extend(self.token_of_table(&origin, &name, &table));
        }
        if let Some(given) = self.secret(VARIABLE) {
            for entry in given.expose_secret().split(',').filter(|entry| !entry.is_empty()) {
                tokens.extend(self.token_of_entry(entry));
            }
        }
        self.check_tokens(&tokens);
        Tokens::new(tokens)
    }

    fn token_of_table(&mut self, origin: &str, name: &str, table: &Table) -> Option<KnownToken> {
        for key in table.keys().filter(|key| !FIELDS.contains(&key.as_str())) {
            let hint = similar_name(key, FIELDS.iter().map(ToString::to_string));
            self.fault(format!("{origin}: there is no setting {key}{hint}"));
        }
        let text = |field: &str| table.get(field).and_then(Value::as_str).unwrap_or_default();
        self.known_token(origin, name, text("scope"), text("sha256"))
    }

    fn token_of_entry(&mut self, entry: &str) -> Option<KnownToken> {
        let mut parts = entry.splitn(3, ':');
        if let (Some(name), Some(scope), Some(hash)) = (parts.next(), parts.next(), parts.next()) {
            return self.known_token(VARIABLE, name, scope, hash);
        }
        // An entry may hold a token by mistake: it is not told.
        self.fault(format!(
            "{VARIABLE} must be entries of NAME:SCOPE:SHA256 with a comma between two; {MEND}"
        ));
        None
    }

    fn known_token(&mut self, origin: &str, name: &str, scope: &str, hash: &str) -> Option<KnownToken> {
        let is_name = (1..=NAME_BYTES_MAX).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if !is_name {
            self.fault(format!(
                "{origin}: a token's name is 1 to {NAME_BYTES_MAX} letters, digits, `-` and `_`; name it so"
            ));
            return None;
        }
        let scope: Option<TokenScope> = scope.parse().ok();
        if scope.is_none() {
            self.fault(format!("{origin}: the scope of {name} must be ingest, read or admin"));
        }
        let hash: Option<TokenHash> = hash.parse().ok();
        if hash.is_none() {
            self.fault(format!("{origin}: {name} must have the token's SHA-256, 64 hex digits; {MEND}"));
        }
        Some(KnownToken { name: name.to_owned(), scope: scope?, hash: hash? })
    }

    fn check_tokens(&mut self, tokens: &[KnownToken]) {
        for (n, token) in tokens.iter().enumerate() {
            if tokens[..n].iter().any(|other| other.name == token.name || other.hash == token.hash) {
                self.fault(format!(
                    "there are two tokens {}, or two with its hash; take one out",
                    token.name
                ));
            }
        }
        if tokens.len() > TOKENS_MAX {
            self.fault(format!("there are {} tokens; {TOKENS_MAX} are the most", tokens.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use crate::config::{Config, ConfigError, Sources, load};
    use crate::model::{TokenHash, TokenScope};

    fn read(file: &str, variable: &str) -> Result<Config, ConfigError> {
        let mut written = tempfile::NamedTempFile::new().unwrap();
        written.write_all(file.as_bytes()).unwrap();
        let mut sources = Sources { file: Some(written.path().to_owned()), ..Sources::default() };
        sources.environment.insert("LOGMEND_TOKENS".into(), variable.into());
        load(&sources)
    }

    #[test]
    fn tokens_come_from_the_file_and_the_variable() {
        let (one, two) = (TokenHash::of("one"), TokenHash::of("two"));
        let file = format!("[tokens.wall]\nscope = \"read\"\nsha256 = \"{one}\"\n");
        let config = read(&file, &format!("ci:ingest:{two}")).unwrap();
        let scope =
            |token: &str| config.api.tokens.find(token).map(|token| (token.name.clone(), token.scope));
        assert_eq!(scope("one"), Some(("wall".into(), TokenScope::Read)));
        assert_eq!(scope("two"), Some(("ci".into(), TokenScope::Ingest)));
        assert!(config.api.is_locked() && config.ingest.token.is_set());
    }

    #[test]
    fn what_is_wrong_is_told_and_no_token_with_it() {
        let hash = TokenHash::of("one");
        for (file, variable, told) in [
            ("tokens.a = 1", "", "[tokens.a] must be a table"),
            ("[tokens.a]\nscope = \"root\"", "", "the scope of a must be"),
            ("[tokens.a]\nscope = \"read\"\nsha256 = \"s3cret\"", "", "must have the token's SHA-256"),
            ("[tokens.a]\nscop = \"read\"", "", "did you mean scope?"),
            ("", "s3cret", "NAME:SCOPE:SHA256"),
            ("", "a:read:s3cret", "64 hex digits"),
            ("", "s3cret!:read:x", "a token's name is"),
            ("", &format!("a:read:{hash},b:admin:{hash}"), "two tokens b"),
        ] {
            let error = read(file, variable).unwrap_err().to_string();
            assert!(error.contains(told) && !error.contains("s3cret"), "{file} {variable}: {error}");
        }
    }
}
