//! Bearer tokens.

use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::Live;

/// A token that callers must present as `authorization: Bearer …`; none asks for none. Clones are of the same token, also after
/// it is replaced.
#[derive(Debug, Clone, Default)]
pub struct Token(Live<Option<SecretString>>);

impl Token {
    /// A door that asks for this token, or an open one.
    #[must_use]
    pub fn new(token: Option<SecretString>) -> Self {
        Self(Live::new(token))
    }

    /// Asks for what another one asks for, from now on.
    pub fn follow(&self, other: &Self) {
        self.0.follow(&other.0);
    }

    /// Whether a token is asked for at all.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.with(Option::is_some)
    }

    /// What a caller sends to pass, as the value of `authorization`; `None` where none is asked for.
    #[must_use]
    pub fn authorization(&self) -> Option<String> {
        self.0.with(|token| token.as_ref().map(|token| format!("Bearer {}", token.expose_secret())))
    }

    /// Whether these headers may pass. The scheme is read in any case (RFC 9110, section 11.1); two headers never pass.
    ///
    /// Both sides are hashed first, so that the comparison takes the same time for every token of every length.
    #[must_use]
    pub fn admits(&self, headers: &HeaderMap) -> bool {
        let hashed = |token: &SecretString| blake3::hash(token.expose_secret().as_bytes());
        let Some(expected) = self.0.with(|token| token.as_ref().map(hashed)) else { return true };
        let mut values = headers.get_all(http::header::AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        let Some((scheme, given)) = value.to_str().ok().and_then(|value| value.split_once(' ')) else {
            return false;
        };
        let same = blake3::hash(given.trim().as_bytes()).as_bytes().ct_eq(expected.as_bytes());
        scheme.eq_ignore_ascii_case("bearer") && bool::from(same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_passes() {
        let token = Token::new(Some("s3cret".to_owned().into()));
        let admits = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(http::header::AUTHORIZATION, value.parse().unwrap());
            }
            token.admits(&headers)
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
}
