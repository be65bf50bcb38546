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

use super::doubt;

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
    /// A word that has a digit or mixes cases.
    Token,
    /// A prefix that words have too, before what must look random.
    Random,
    /// A mail address, of a person.
    Person,
    /// A checksum over digits, of a card.
    Luhn,
    /// A checksum over digits and letters, of an account.
    Iban,
}

impl Check {
    fn holds(self, found: &Captures<'_>, value: &str) -> bool {
        match self {
            Self::None => true,
            Self::Value => {
                let key = found.name("key").map_or("", |key| key.as_str());
                doubt::is_secret_value(key, value, found.name("bare").is_none())
            }
            Self::Token => doubt::is_token(value),
            Self::Random => doubt::is_random(value),
            Self::Person => doubt::is_person(value),
            Self::Luhn => doubt::is_luhn(value),
            Self::Iban => doubt::is_iban(value),
        }
    }
}

const fn credential(name: &'static str, keywords: &'static [&'static str], shape: &'static str) -> Kind {
    Kind { name, keywords, shape, check: Check::None, is_credential: true }
}

const fn doubted(
    name: &'static str,
    keywords: &'static [&'static str],
    shape: &'static str,
    check: Check,
) -> Kind {
    Kind { name, keywords, shape, check, is_credential: true }
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
        &["private key"],
        r"-----BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|\z)",
    ),
    credential("anthropic-key", &["sk-ant-"], r"\bsk-ant-[A-Za-z0-9_-]{16,}"),
    credential("openai-key", &["t3blbkfj"], r"\bsk-[A-Za-z0-9_-]*T3BlbkFJ[A-Za-z0-9_-]+"),
    doubted("openai-key", &["sk-"], r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{20,}", Check::Random),
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
    // Up to the last `@` before the path: passwords hold unescaped ones.
    credential(
        "url-credentials",
        &["://"],
        r#"\b[a-zA-Z][a-zA-Z0-9+.-]{1,30}://(?P<secret>[^\s/@:"'<>\[\]]*:[^\s/"'<>\[\]]+)@"#,
    ),
    // Of stores a slash in the password is likelier than an `@` in a path.
    credential(
        "url-credentials",
        &["://"],
        r#"(?i)\b(?:postgres(?:ql)?|mysql|mariadb|rediss?|amqps?|mongodb(?:\+srv)?)://(?P<secret>[^\s/@:"'<>\[\]]*:[^\s@"'<>\[\]]+)@"#,
    ),
    credential("url-credentials", &["://"], r"(?i)\bhttps?://(?P<secret>[A-Z0-9_.-]{20,})@"),
    credential(
        "url-credentials",
        &["jdbc:oracle"],
        r#"(?i)\bjdbc:oracle:\w+:(?P<secret>[^\s/@"']+/[^\s@"']+)@"#,
    ),
    credential(
        "header",
        &["authorization"],
        r#"(?i)\bauthorization\\{0,7}["']?\s{0,3}[:=]\s{0,3}[\["'\\]{0,4}(?:bearer|basic|token|negotiate|api-?key)\s{1,3}(?P<secret>[^\s"'\\,;\]}\x1b]{4,})"#,
    ),
    credential(
        "header",
        &["authorization"],
        r"(?i)\bauthorization\s{0,3}[:=]\s{0,3}(?:digest|aws4-hmac-sha256)\s{1,3}(?P<secret>[^\r\n\x1b]{4,})",
    ),
    doubted(
        "header",
        &["authorization"],
        r#"(?i)\bauthorization\\{0,7}["']?\s{0,3}[:=]\s{0,3}[\["'\\]{0,4}(?P<secret>[A-Z0-9._~+/=-]{12,})"#,
        Check::Token,
    ),
    doubted(
        "header",
        &["bearer ", "basic "],
        r"(?i)\b(?:bearer|basic)\s{1,3}(?P<secret>[A-Z0-9._~+/=-]{12,})",
        Check::Token,
    ),
    credential(
        "cookie",
        &["cookie"],
        r#"(?i)\b(?:set-)?cookie\\{0,7}["']?\s{0,3}[:=]\s{0,3}[\["'\\]{0,4}(?P<secret>[^\s"'=;,\\\]]+=[^\s"',;\\]*(?:;\s?[^\s"'=;,\\]+(?:=[^\s"',;\\]*)?)*)"#,
    ),
    Kind {
        name: "secret",
        keywords: &[
            "passw",
            "pwd",
            "passphrase",
            "_pass",
            "-pass",
            ".pass",
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
        shape: r#"(?i)(?:^|[^A-Za-z0-9]|\\[nrt])(?P<key>[a-z0-9_.\-]{0,40}(?:passw(?:or)?d|passwd|pwd|passphrase|[_.\-]pass|secret|token|credentials?|(?:api|access|private|client|auth|encryption|signing|session)[_-]?key)(?:[_-]?(?:key|id|hash|value|base)){0,3})(?:\\{0,7}["']|&quot;|&#0?3[49];|%22)?\]?(?:\s{0,3}(?:=>|:=|=|:|%3D|%3A)\s{0,3})(?:(?:&quot;|&#0?3[49];|%22)(?P<entity>[^&%"'\s]+)|\\{1,7}["'](?P<escaped>[^"'\\\r\n]+)|[bfru]?"(?P<double>(?:[^"\\\r\n]|\\[^\r\n])+)|[bfru]?'(?P<single>(?:[^'\\\r\n]|\\[^\r\n])+)|(?P<bare>[^\s"',;&)}\]\\<=>\x1b][^\s"',;&)}\]\\<\x1b]*))"#,
        check: Check::Value,
        is_credential: true,
    },
    Kind {
        name: "secret",
        keywords: &["--"],
        shape: r"(?i)--(?P<key>[a-z0-9-]{0,40}(?:password|passwd|passphrase|secret|token|api-?key))\s{1,3}(?P<bare>[^\s\-][^\s]*)",
        check: Check::Value,
        is_credential: true,
    },
    personal(
        "email",
        &["@", "%40"],
        r"\b[\p{L}\p{N}][\p{L}\p{N}._+-]*(?:@|%40)(?:[\p{L}\p{N}-]+\.)+\p{L}{2,24}\b",
        Check::Person,
    ),
    personal(
        "card",
        &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
        r"\b[2-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d{1,7}\b|\b3\d{3}[ -]?\d{6}[ -]?\d{4,5}\b",
        Check::Luhn,
    ),
    personal("ssn", &["-"], r"\b\d{3}-\d{2}-\d{4}\b", Check::None),
    personal(
        "iban",
        &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
        r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?\d{1,3}|[A-Z0-9]{1,3})?\b",
        Check::Iban,
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

/// A kind's shape. Where it begins with a word boundary, these are one too: an escape spelt out, such as the `\\n` of JSON in
/// a log line, an URL's `%3D`, the end of an ANSI code, an underscore.
fn shape(kind: &Kind) -> String {
    match kind.shape.strip_prefix(r"\b") {
        Some(rest) if !rest.contains("(?P<secret>") => format!(
            r#"(?:\b|_|\\[nrt"]|\\u[0-9a-fA-F]{{4}}|%[0-9a-fA-F]{{2}}|\x1b\[[0-9;]*m)(?P<secret>{rest})"#
        ),
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
    let secret =
        ["secret", "entity", "escaped", "double", "single", "bare"].iter().find_map(|name| found.name(name));
    let value = secret.map_or(whole, |secret| secret.as_str());
    let is_secret = !value.contains("[REDACTED:") && kind.check.holds(found, value);
    if !is_secret {
        return whole.to_owned();
    }
    let start = found.get(0).map_or(0, |whole| whole.start());
    let (from, to) = secret.map_or((0, whole.len()), |secret| (secret.start() - start, secret.end() - start));
    format!("{}[REDACTED:{}]{}", &whole[..from], kind.name, &whole[to..])
}
