//! The token that exporters present.

use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::{Live, TokenScope, Tokens};

/// A token that callers must present, and others that will do; none asks for none. Clones are of the same, also after they are
/// replaced.
#[derive(Debug, Clone, Default)]
pub struct Token {
    one: Live<Option<SecretString>>,
    others: Live<Tokens>,
}

impl Token {
    /// A door that asks for this token, or an open one.
    #[must_use]
    pub fn new(token: Option<SecretString>) -> Self {
        Self { one: Live::new(token), others: Live::default() }
    }

    /// The same, which these open too. It is asked for a token as soon as one of them is for this alone.
    #[must_use]
    pub fn or(self, others: Tokens) -> Self {
        Self { others: Live::new(others), ..self }
    }

    /// Asks for what another one asks for, from now on.
    pub fn follow(&self, other: &Self) {
        self.one.follow(&other.one);
        self.others.follow(&other.others);
    }

    /// The token itself, where one is set.
    #[must_use]
    pub fn secret(&self) -> Option<SecretString> {
        self.one.get()
    }

    /// Whether a token is asked for at all.
    #[must_use]
    pub fn is_set(&self) -> bool {
        let for_this = |tokens: &Tokens| tokens.iter().any(|token| token.scope == TokenScope::Ingest);
        self.one.with(Option::is_some) || self.others.with(for_this)
    }

    /// What a caller sends to pass, as the value of `authorization`; `None` where none is asked for.
    #[must_use]
    pub fn authorization(&self) -> Option<String> {
        self.one.with(|token| token.as_ref().map(|token| format!("Bearer {}", token.expose_secret())))
    }

    /// Whether these headers may pass.
    ///
    /// Both sides are hashed first, so that the comparison takes the same time for every token of every length.
    #[must_use]
    pub fn admits(&self, headers: &HeaderMap) -> bool {
        if !self.is_set() {
            return true;
        }
        let Some(given) = presented(headers) else { return false };
        let same = self.one.with(|token| {
            token.as_ref().is_some_and(|token| {
                let (given, token) =
                    (blake3::hash(given.as_bytes()), blake3::hash(token.expose_secret().as_bytes()));
                bool::from(given.as_bytes().ct_eq(token.as_bytes()))
            })
        });
        same | self.others.with(|others| others.find(given).is_some())
    }
}

/// The token that headers present, as `authorization: Bearer TOKEN` or `x-api-key: TOKEN`. The scheme is read in any case
/// (RFC 9110, section 11.1); two of them are none, as nobody knows which one is meant.
#[must_use]
pub fn presented(headers: &HeaderMap) -> Option<&str> {
    let mut keys = headers.get_all("x-api-key").iter();
    let mut values = headers.get_all(http::header::AUTHORIZATION).iter();
    match (values.next(), values.next(), keys.next(), keys.next()) {
        (Some(value), None, None, _) => {
            let (scheme, given) = value.to_str().ok()?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(given.trim())
        }
        (None, _, Some(key), None) => key.to_str().ok().map(str::trim),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{KnownToken, TokenHash};

    fn headers(given: &[(&'static str, &str)]) -> HeaderMap {
        given.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).fold(
            HeaderMap::new(),
            |mut headers, (name, value)| {
                headers.append(name, value);
                headers
            },
        )
    }

    #[test]
    fn only_the_token_passes() {
        let token = Token::new(Some("s3cret".to_owned().into()));
        let admits = |values: &[&str]| {
            let given: Vec<_> = values.iter().map(|value| ("authorization", *value)).collect();
            token.admits(&headers(&given))
        };
        assert!(admits(&["Bearer s3cret"]) && admits(&["bearer s3cret"]));
        for wrong in
            [&[][..], &["Bearer s3cre"], &["Basic s3cret"], &["s3cret"], &["Bearer s3cret", "Bearer s3cret"]]
        {
            assert!(!admits(wrong), "{wrong:?}");
        }
        assert!(Token::default().admits(&HeaderMap::new()));
        let holder = token.clone();
        token.follow(&Token::new(Some("n3w".to_owned().into())));
        let header =
            |value: &str| HeaderMap::from_iter([(http::header::AUTHORIZATION, value.parse().unwrap())]);
        assert!(holder.admits(&header("Bearer n3w")) && !holder.admits(&header("Bearer s3cret")));
        token.follow(&Token::default());
        assert!(holder.admits(&HeaderMap::new()) && !holder.is_set());
    }

    #[test]
    fn a_key_is_as_good_as_a_bearer() {
        let token = Token::new(Some("s3cret".to_owned().into()));
        assert!(token.admits(&headers(&[("x-api-key", "s3cret")])));
        for wrong in [
            &[("x-api-key", "s3cre")][..],
            &[("x-api-key", "s3cret"), ("x-api-key", "s3cret")],
            &[("x-api-key", "s3cret"), ("authorization", "Bearer s3cret")],
        ] {
            assert!(!token.admits(&headers(wrong)), "{wrong:?}");
        }
    }

    #[test]
    fn other_tokens_pass_and_those_for_ingest_alone_close_the_door() {
        let known = |scope| KnownToken { name: "ci".into(), scope, hash: TokenHash::of("other") };
        let with = |scope| Token::default().or(Tokens::new(vec![known(scope)]));
        assert!(with(TokenScope::Read).admits(&HeaderMap::new()), "nobody said that exporters need one");
        let closed = with(TokenScope::Ingest);
        assert!(!closed.admits(&HeaderMap::new()) && closed.admits(&headers(&[("x-api-key", "other")])));
        let beside =
            Token::new(Some("s3cret".to_owned().into())).or(Tokens::new(vec![known(TokenScope::Admin)]));
        for (token, passes) in [("other", true), ("s3cret", true), ("wrong", false)] {
            assert_eq!(beside.admits(&headers(&[("x-api-key", token)])), passes, "{token}");
        }
    }
}
