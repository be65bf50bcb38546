//! Who may do what: tokens by their hashes, each with a name and a scope.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};
use utoipa::ToSchema;

use super::UnknownName;

/// What a token is good for; each scope includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TokenScope {
    /// Sending logs.
    Ingest,
    /// Reading the API and the dashboard.
    Read,
    /// Everything.
    Admin,
}

impl TokenScope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Ingest, Self::Read, Self::Admin];

    /// The name in settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for TokenScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for TokenScope {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.as_str() == name)
            .ok_or_else(|| UnknownName { given: name.to_owned(), allowed: "ingest, read, admin" })
    }
}

/// The SHA-256 of a token: what is kept of it. Tokens are long and random, so that a fast hash is enough.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of a token.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// The first digits: they tell tokens apart and are no secret.
    #[must_use]
    pub fn id(&self) -> String {
        self.to_string()[..16].to_owned()
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id())
    }
}

/// A text that is no hash.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a SHA-256 is 64 hex digits")]
pub struct InvalidHash;

impl FromStr for TokenHash {
    type Err = InvalidHash;

    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidHash);
        }
        let mut bytes = [0; 32];
        for (n, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * n..2 * n + 2], 16).map_err(|_| InvalidHash)?;
        }
        Ok(Self(bytes))
    }
}

/// A token that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownToken {
    /// What people call it; the audit trail names it.
    pub name: String,
    /// What it is good for.
    pub scope: TokenScope,
    /// What is kept of it.
    pub hash: TokenHash,
}

/// All tokens that are known; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Tokens(Arc<[KnownToken]>);

impl Tokens {
    /// These tokens.
    #[must_use]
    pub fn new(tokens: Vec<KnownToken>) -> Self {
        Self(tokens.into())
    }

    /// The tokens.
    pub fn iter(&self) -> impl Iterator<Item = &KnownToken> {
        self.0.iter()
    }

    /// The token that a caller presents, if it is known. All are compared, each in constant time.
    #[must_use]
    pub fn find(&self, presented: &str) -> Option<&KnownToken> {
        let given = TokenHash::of(presented);
        let mut found = u32::MAX;
        for (place, token) in (0..).zip(self.0.iter()) {
            let same: Choice = token.hash.0.ct_eq(&given.0);
            found = u32::conditional_select(&found, &place, same);
        }
        self.0.get(found as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_token_is_found_by_its_hash_alone() {
        let known =
            |name: &str, scope, token| KnownToken { name: name.into(), scope, hash: TokenHash::of(token) };
        let tokens =
            Tokens::new(vec![known("a", TokenScope::Read, "one"), known("b", TokenScope::Admin, "two")]);
        assert_eq!(tokens.find("two").map(|token| token.name.as_str()), Some("b"));
        assert_eq!(tokens.find("one").map(|token| token.scope), Some(TokenScope::Read));
        for wrong in ["", "three", &TokenHash::of("one").to_string()] {
            assert_eq!(tokens.find(wrong), None, "{wrong}");
        }
        assert_eq!(Tokens::default().find(""), None);
    }

    #[test]
    fn hashes_survive_their_text_and_hide_in_logs() {
        let hash = TokenHash::of("abc");
        assert_eq!(hash.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for bad in ["", "abc", &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(bad.parse::<TokenHash>(), Err(InvalidHash));
        }
        assert_eq!(format!("{hash:?}"), "ba7816bf8f01cfea");
        assert!(TokenScope::Ingest < TokenScope::Read && TokenScope::Read < TokenScope::Admin);
        assert_eq!("read".parse(), Ok(TokenScope::Read));
    }
}
