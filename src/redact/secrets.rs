//! Secrets and personal data by their shape.
//!
//! Most log text holds none: one aho-corasick pass over the keywords that every shape begins with or names decides which
//! of the regular expressions run at all. They are the `regex` crate's, linear in the text whatever it holds.
//!
//! Shapes: the vendors' published token formats, as gitleaks gathers them.

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex::{Captures, Regex};

/// One kind of secret.
struct Kind {
    /// Stands in the placeholder: `[REDACTED:name]`.
    name: &'static str,
    /// One of these, in any case, stands in every text that the shape matches.
    keywords: &'static [&'static str],
    /// What is masked: the group `secret`, or the whole match where there is no such group.
    shape: &'static str,
    /// A second look at what matched, where the shape alone would mask too much.
    check: Check,
    /// Whether it opens a door, as opposed to naming a person.
    is_credential: bool,
}

#[derive(Clone, Copy)]
enum Check {
    None,
    /// A value of a key whose name says that it is secret.
    Value,
    /// A checksum over digits (Luhn, ISO/IEC 7812-1).
    Luhn,
}

const fn credential(name: &'static str, keywords: &'static [&'static str], shape: &'static str) -> Kind {
    Kind { name, keywords, shape, check: Check::None, is_credential: true }
}

const fn personal(
    name: &'static str,
    keywords: &'static [&'static str],
    shape: &'static str,
    check: Check,
) -> Kind {
    Kind { name, keywords, shape, check, is_credential: false }
}

/// In the order in which they are masked: whole blocks first, exact vendor shapes next, names of keys last.
const KINDS: &[Kind] = &[
    credential(
        "private-key",
        &["private key-----"],
        r"-----BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY-----(?s:.*?)(?:-----END[A-Z0-9 ]{0,40}PRIVATE KEY-----|\z)",
    ),
    credential("anthropic-key", &["sk-ant-"], r"\bsk-ant-[A-Za-z0-9_-]{16,}"),
    credential("openai-key", &["sk-"], r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,}"),
    credential("github-token", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], r"\bgh[pousr]_[A-Za-z0-9._-]{30,}"),
    credential("github-token", &["github_pat_"], r"\bgithub_pat_[A-Za-z0-9_]{30,}"),
    credential("gitlab-token", &["glpat-", "gldt-", "glrt-"], r"\bgl(?:pat|dt|rt)-[A-Za-z0-9_.-]{20,}"),
    credential("aws-key-id", &["akia", "asia", "abia", "acca"], r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b"),
    credential(
        "aws-secret",
        &["aws"],
        r#"(?i)\baws[a-z_.\- ]{0,20}(?:secret|key)[a-z_.\- ]{0,20}["']?\s*(?:=|:|=>)\s*["']?(?P<secret>[A-Za-z0-9/+]{40})"#,
    ),
    credential("slack-token", &["xox"], r"\bxox[abeprs]-[A-Za-z0-9-]{10,}"),
    credential(
        "slack-webhook",
        &["hooks.slack.com"],
        r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<secret>[A-Za-z0-9/+]{20,})",
    ),
    credential("stripe-key", &["sk_", "rk_"], r"\b[sr]k_(?:live|test|prod)_[A-Za-z0-9]{10,}"),
    credential("webhook-secret", &["whsec_"], r"\bwhsec_[A-Za-z0-9+/=]{16,}"),
    credential("google-key", &["aiza"], r"\bAIza[A-Za-z0-9_-]{35}"),
    credential("google-token", &["ya29."], r"\bya29\.[A-Za-z0-9_.-]{20,}"),
    credential(
        "azure-key",
        &["accountkey", "sharedaccesskey"],
        r"(?i)\b(?:Account|SharedAccess)Key=(?P<secret>[A-Za-z0-9+/=]{20,})",
    ),
    credential("azure-signature", &["sig="], r"[?&]sig=(?P<secret>[A-Za-z0-9%+/=]{20,})"),
    credential("azure-secret", &["q~"], r"\b[A-Za-z0-9_.~-]{3}\dQ~[A-Za-z0-9_.~-]{31,34}"),
    credential("npm-token", &["npm_"], r"\bnpm_[A-Za-z0-9]{36}"),
    credential("pypi-token", &["pypi-ageic"], r"\bpypi-AgEIc[A-Za-z0-9_-]{40,}"),
    credential("hugging-face-token", &["hf_"], r"\bhf_[A-Za-z0-9]{30,}"),
    credential("digitalocean-token", &["dop_v1_", "doo_v1_"], r"\bdo[op]_v1_[a-f0-9]{64}"),
    credential("databricks-token", &["dapi"], r"\bdapi[a-f0-9]{32}"),
    credential("sendgrid-key", &["sg."], r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}"),
    credential("twilio-key", &["sk"], r"\bSK[a-f0-9]{32}\b"),
    credential("vault-token", &["hvs.", "hvb."], r"\bhv[sb]\.[A-Za-z0-9_-]{24,}"),
    credential("terraform-token", &[".atlasv1."], r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{50,}"),
    credential("sentry-token", &["sntry"], r"\bsntry[su]_[A-Za-z0-9+/=_.-]{40,}"),
    credential("jwt", &["ey"], r"\bey[A-Za-z0-9_-]{10,}\.ey[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)?"),
    credential(
        "url-credentials",
        &["://"],
        r#"\b[a-zA-Z][a-zA-Z0-9+.-]{1,30}://(?P<secret>[^\s/@:"'<>\[\]]{0,256}:[^\s/@"'<>\[\]]{1,256})@"#,
    ),
    credential(
        "header",
        &["authorization", "bearer ", "basic "],
        r#"(?i)\b(?:authorization["']?\s*[:=]\s*["']?(?:bearer|basic|token|digest)?|bearer|basic)\s+(?P<secret>[A-Za-z0-9._~+/=-]{12,})"#,
    ),
    credential(
        "cookie",
        &["cookie"],
        r#"(?i)\b(?:set-)?cookie["']?\s*[:=]\s*["']?(?P<secret>[^\s"';,]{1,512}=[^\s"',]{4,2048})"#,
    ),
    Kind {
        name: "secret",
        keywords: &[
            "passw",
            "pwd",
            "passphrase",
            "secret",
            "token",
            "credential",
            "api_key",
            "apikey",
            "api-key",
            "access_key",
            "accesskey",
            "access-key",
            "private_key",
            "client_key",
            "auth_key",
            "encryption_key",
            "signing_key",
            "session_key",
            "x-api-key",
        ],
        shape: r#"(?i)(?:^|[^A-Za-z0-9])(?P<key>[a-z0-9_.\-]{0,40}(?:passw(?:or)?d|passwd|pwd|passphrase|secret|token|credentials?|(?:api|access|private|client|auth|encryption|signing|session)[_-]?key)(?:[_-]?(?:key|id|hash|value))?)\\?["']?\s{0,3}(?:=>|=|:)\s{0,3}(?:b?\\?["'](?P<quoted>[^"'\\\r\n]{1,512})|(?P<bare>[^\s"',;&)}\]\\<\x1b]{1,512}))"#,
        check: Check::Value,
        is_credential: true,
    },
    personal(
        "email",
        &["@"],
        r"\b[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b",
        Check::None,
    ),
    personal(
        "card",
        &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
        r"\b[2-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d{1,7}\b|\b3[47]\d{2}[ -]?\d{6}[ -]?\d{5}\b",
        Check::Luhn,
    ),
    personal("ssn", &["-"], r"\b\d{3}-\d{2}-\d{4}\b", Check::None),
    personal(
        "iban",
        &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
        r"\b(?:AT|BE|CH|DE|DK|ES|FI|FR|GB|IE|IT|LU|NL|NO|PL|PT|SE)\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b",
        Check::None,
    ),
];

struct Finder {
    keywords: AhoCorasick,
    /// For each keyword the index of its kind.
    kinds: Vec<usize>,
    shapes: Vec<Regex>,
}

#[allow(
    clippy::expect_used,
    reason = "constants of this file, compiled by every test; in tests the lint is off"
)]
static FINDER: LazyLock<Finder> = LazyLock::new(|| {
    let pairs =
        || KINDS.iter().enumerate().flat_map(|(i, kind)| kind.keywords.iter().map(move |word| (i, *word)));
    Finder {
        keywords: AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(pairs().map(|(_, word)| word))
            .expect("the keywords are few and short"),
        kinds: pairs().map(|(i, _)| i).collect(),
        shapes: KINDS
            .iter()
            .map(|kind| Regex::new(&shape(kind)).expect("the shapes are regular expressions"))
            .collect(),
    }
});

/// A kind's shape; where it begins with a word boundary, an escape spelt out, such as the `\\n` of JSON in a log line, is one too.
fn shape(kind: &Kind) -> String {
    match kind.shape.strip_prefix(r"\b") {
        Some(rest) if !rest.contains("(?P<secret>") => format!(r#"(?:\b|\\[nrt"])(?P<secret>{rest})"#),
        _ => kind.shape.to_owned(),
    }
}

impl Finder {
    /// Which kinds may stand in the text, as a bitset over [`KINDS`].
    fn possible(&self, text: &str) -> u64 {
        const { assert!(KINDS.len() <= 64, "one bit for each kind") };
        self.keywords
            .find_overlapping_iter(text)
            .fold(0, |set, found| set | 1 << self.kinds[found.pattern().as_usize()])
    }
}

/// Masks secrets, e-mail addresses, and numbers of cards and persons as `[REDACTED:kind]`.
///
/// Applied twice it changes nothing more. What is only the name of a secret (`token=None`, `${VAR}`, `get_token(`) stays.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    mask(text, |_| true)
}

/// Whether the text holds a credential: something that must not be added to a repository.
#[must_use]
pub fn contains_secret(text: &str) -> bool {
    matches!(mask(text, |kind| kind.is_credential), Cow::Owned(masked) if masked != text)
}

fn mask(text: &str, wanted: impl Fn(&Kind) -> bool) -> Cow<'_, str> {
    let finder = &*FINDER;
    let possible = finder.possible(text);
    let mut masked = Cow::Borrowed(text);
    for (i, kind) in KINDS.iter().enumerate().filter(|(i, kind)| possible & (1 << i) != 0 && wanted(kind)) {
        if let Cow::Owned(next) =
            finder.shapes[i].replace_all(&masked, |found: &Captures<'_>| replacement(kind, found))
        {
            masked = Cow::Owned(next);
        }
    }
    masked
}

/// The match with its secret part masked, or as it stands where a second look says that it is none.
fn replacement(kind: &Kind, found: &Captures<'_>) -> String {
    let whole = &found[0];
    let secret = ["secret", "quoted", "bare"].iter().find_map(|name| found.name(name));
    let value = secret.map_or(whole, |secret| secret.as_str());
    let is_secret = !value.contains("[REDACTED:")
        && match kind.check {
            Check::None => true,
            Check::Value => is_secret_value(found.name("key").map_or("", |key| key.as_str()), value),
            Check::Luhn => is_luhn(value),
        };
    if !is_secret {
        return whole.to_owned();
    }
    let start = found.get(0).map_or(0, |whole| whole.start());
    let (from, to) = secret.map_or((0, whole.len()), |secret| (secret.start() - start, secret.end() - start));
    format!("{}[REDACTED:{}]{}", &whole[..from], kind.name, &whole[to..])
}

/// Tells a secret's value from what code and templates write in its place.
fn is_secret_value(key: &str, value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let is_word_for_nothing = matches!(
        lower.as_str(),
        "none"
            | "null"
            | "nil"
            | "true"
            | "false"
            | "undefined"
            | "empty"
            | "missing"
            | "required"
            | "invalid"
            | "expired"
            | "not"
            | "is"
            | "was"
            | "the"
            | "a"
    );
    let is_placeholder = lower.starts_with(['$', '%', '<', '{', '*', '['])
        || lower.contains("xxxx")
        || lower.bytes().all(|b| matches!(b, b'*' | b'.' | b'-' | b'x'))
        || lower.contains('(');
    if is_word_for_nothing || is_placeholder {
        return false;
    }
    let key = key.to_ascii_lowercase();
    let names_a_password = ["passw", "pwd", "passphrase"].iter().any(|word| key.contains(word));
    if names_a_password {
        return true;
    }
    // `token: expected identifier` is prose or code; a token has a digit, or mixes cases, and is not short.
    let has_digit = value.bytes().any(|b| b.is_ascii_digit());
    let mixes_case =
        value.bytes().any(|b| b.is_ascii_uppercase()) && value.bytes().any(|b| b.is_ascii_lowercase());
    value.len() >= 8 && (has_digit || mixes_case || value.len() >= 24)
}

fn is_luhn(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, digit)| {
            if i % 2 == 0 {
                *digit
            } else if *digit > 4 {
                digit * 2 - 9
            } else {
                digit * 2
            }
        })
        .sum();
    (13..=19).contains(&digits.len()) && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Puts a vector together at run time, so that scanners of this repository stay quiet.
    fn join(parts: &[&str]) -> String {
        parts.concat()
    }

    fn alnum(length: usize) -> String {
        "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0".chars().cycle().take(length).collect()
    }

    #[test]
    fn secrets_of_every_kind_are_masked() {
        let hex = "0123456789abcdef".repeat(4);
        let cases = [
            join(&["AKIA", "IOSFODNN7EXAMPLQ"]),
            join(&["ghp_", &alnum(36)]),
            join(&["ghs_12345_", "eyJ.", &alnum(200), "-.", &alnum(30)]),
            join(&["github_pat_", &alnum(82)]),
            join(&["glpat-", &alnum(20)]),
            join(&["sk-ant-", "api03-", &alnum(40)]),
            join(&["sk-proj-", &alnum(40)]),
            join(&["xoxb-", "123456789012-", &alnum(24)]),
            join(&["sk_live_", &alnum(24)]),
            join(&["whsec_", &alnum(32)]),
            join(&["AIza", &alnum(35)]),
            join(&["ya29.", &alnum(60)]),
            join(&["npm_", &alnum(36)]),
            join(&["pypi-AgEIcHlwaS5vcmc", &alnum(60)]),
            join(&["hf_", &alnum(34)]),
            join(&["dop_v1_", &hex]),
            join(&["dapi", &hex[..32]]),
            join(&["SG.", &alnum(22), ".", &alnum(43)]),
            join(&["SK", &hex[..32]]),
            join(&["hvs.", &alnum(95)]),
            join(&["sntryu_", &hex]),
            join(&["ey", &alnum(20), ".ey", &alnum(40), ".", &alnum(43)]),
        ];
        for secret in cases {
            for text in [
                secret.clone(),
                format!("key \"{secret}\" refused"),
                format!("a={secret}\u{1b}[0m, b"),
                format!("x\\n{secret}\\n"),
            ] {
                let masked = redact(&text);
                assert!(
                    masked.contains("[REDACTED:") && !masked.contains(&secret[secret.len() - 10..]),
                    "{text} -> {masked}"
                );
                assert!(contains_secret(&text), "{text}");
            }
        }
    }

    #[test]
    fn what_stands_around_a_secret_stays() {
        let cases = [
            (
                "postgres://app:hunter2@db:5432/shop failed",
                "postgres://[REDACTED:url-credentials]@db:5432/shop failed",
            ),
            ("redis://:hunter2@cache/0", "redis://[REDACTED:url-credentials]@cache/0"),
            (
                "{\"password\": \"hunter2\", \"user\": \"jo\"}",
                "{\"password\": \"[REDACTED:secret]\", \"user\": \"jo\"}",
            ),
            ("password=hunter2 user=jo", "password=[REDACTED:secret] user=jo"),
            ("DB_PASSWORD: hunter2", "DB_PASSWORD: [REDACTED:secret]"),
            ("{'api_key': 'a1b2c3d4e5'}", "{'api_key': '[REDACTED:secret]'}"),
            ("GET /cb?access_token=a1b2c3d4e5&x=1", "GET /cb?access_token=[REDACTED:secret]&x=1"),
            ("Authorization: Bearer abcdef.123456", "Authorization: Bearer [REDACTED:header]"),
            ("mail to jane.doe@example.org bounced", "mail to [REDACTED:email] bounced"),
            ("card 4111 1111 1111 1111 declined", "card [REDACTED:card] declined"),
            ("ssn 078-05-1120", "ssn [REDACTED:ssn]"),
            ("{\\\"password\\\":\\\"hunter2\\\"}", "{\\\"password\\\":\\\"[REDACTED:secret]\\\"}"),
        ];
        for (text, expected) in cases {
            assert_eq!(redact(text), expected);
        }
    }

    #[test]
    fn private_keys_are_masked_whole_also_when_cut_short() {
        let key =
            join(&["-----BEGIN RSA PRIVATE", " KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE", " KEY-----"]);
        assert_eq!(redact(&format!("a {key} b")), "a [REDACTED:private-key] b");
        let cut_short = join(&["-----BEGIN PRIVATE", " KEY-----\\nMIIEow"]);
        assert_eq!(redact(&cut_short), "[REDACTED:private-key]");
    }

    #[test]
    fn what_only_looks_like_a_secret_stays() {
        for text in [
            "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
            "id 123e4567-e89b-12d3-a456-426614174000",
            "trace_id=4bf92f3577b34da6a3ce929d0e0e4736",
            "token=None",
            "password=${DB_PASSWORD}",
            "password: ****",
            "password=<str>",
            "get_access_token(request)",
            "token = self.get_token(user)",
            "unexpected token: identifier",
            "java.lang.Object@1a2b3c",
            "npm@10.2.0",
            "order 1234567890123456 shipped",
            "secret=[REDACTED:secret]",
            "2026-11-24 10:00:00,123",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    #[test]
    fn a_megabyte_without_an_end_is_no_trouble() {
        for text in
            ["a".repeat(1 << 20), "password=".repeat(100_000), "1".repeat(1 << 20), "://".repeat(300_000)]
        {
            assert!(redact(&text).len() <= text.len() * 4);
        }
    }

    proptest! {
        #[test]
        fn it_never_panics_and_a_second_time_changes_nothing(text in "(?s).{0,200}") {
            let once = redact(&text).into_owned();
            prop_assert_eq!(redact(&once), once.as_str());
        }

        #[test]
        fn a_password_does_not_pass(password in "[a-zA-Z0-9]{8,20}", key in "(db_|DB_|user)?(password|passwd|pwd)", join in "(=|: |\": \"|' => ')") {
            let text = format!("x {key}{join}{password}' y");
            prop_assume!(!password.to_lowercase().contains("xxxx") && !password.bytes().all(|b| b == b'x'));
            prop_assert!(!redact(&text).contains(&password), "{}", redact(&text));
        }
    }
}
