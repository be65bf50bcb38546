//! Words, and runs of letters and digits that are words, codes or values.

use super::shapes::changes;

/// What a run of letters and digits is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// It stays, with so many bytes after it.
    Kept(usize),
    /// A value.
    Mask(&'static str),
    /// A name whose numbers are masked.
    Numbered(String),
}

/// Ends of names in which a number is part of the name, in lower case.
const NAMED_BY_NUMBER: [&str; 35] = [
    "http2", "http3", "http1", "oauth2", "oauth1", "ipv4", "ipv6", "utf8", "utf16", "utf32", "sha1",
    "sha256", "sha384", "sha512", "md5", "base64", "base32", "int8", "int16", "int32", "int64", "float32",
    "float64", "amd64", "arm64", "x86", "s3", "ec2", "log4", "slf4", "k8", "i18", "l10", "tls1", "es256",
];

/// Prefixes of error codes: of databases, identity providers, compilers and application servers.
const CODE_PREFIXES: [&str; 15] = [
    "ORA", "TNS", "PLS", "SQL", "AADSTS", "PGRST", "ERR", "WFLY", "HHH", "MSB", "CVE", "IJ", "DB", "UTF",
    "ISO",
];

/// What the names of exceptions end in; they stay whatever digits they have.
const EXCEPTION_ENDINGS: [&str; 4] = ["Error", "Exception", "Failure", "Fault"];

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
const ROUTE_KEYS: [&str; 6] = ["path", "route", "uri", "url", "endpoint", "target"];

/// Words before a number that is the error's kind, not a value.
const CODE_KEYS: [&str; 11] = [
    "status",
    "statuscode",
    "httpstatus",
    "code",
    "errorcode",
    "errno",
    "sqlstate",
    "sqlcode",
    "exitcode",
    "signal",
    "errcode",
];

/// Keys whose value is the message.
const TELLING_KEYS: [&str; 14] = [
    "msg",
    "message",
    "err",
    "error",
    "reason",
    "cause",
    "detail",
    "details",
    "exception",
    "description",
    "event",
    "code",
    "status",
    "text",
];

/// Keys whose value names a person or a machine, with digits or without.
const NAMING_KEYS: [&str; 15] = [
    "user",
    "username",
    "user_name",
    "ruser",
    "login",
    "logname",
    "owner",
    "host",
    "hostname",
    "rhost",
    "pod",
    "container",
    "tenant",
    "customer",
    "account",
];

/// What files of source code end in.
const SOURCE_ENDINGS: [&str; 22] = [
    "py", "js", "mjs", "cjs", "ts", "tsx", "jsx", "java", "kt", "scala", "go", "rs", "cs", "fs", "rb", "php",
    "c", "cc", "cpp", "h", "ex", "swift",
];

pub(super) fn read(word: &str, after: &str, is_code: bool) -> Word {
    let first_digit = word.find(|c: char| c.is_ascii_digit());
    let Some(first_digit) = first_digit else { return Word::Kept(dashed_code(word, after)) };
    let (letters, digits) = word.split_at(first_digit);
    let trailing = digits.bytes().all(|b| b.is_ascii_digit());
    let is_ending = EXCEPTION_ENDINGS.iter().any(|ending| word.ends_with(ending));
    if is_ending
        || is_named_by_number(word)
        || is_error_code(letters, digits, trailing)
        || (is_code && word.len() == 5)
    {
        return Word::Kept(0);
    }
    if trailing {
        return Word::Numbered(format!("{letters}<num>"));
    }
    let random =
        changes(word) * 3 >= word.len() || word.bytes().filter(u8::is_ascii_digit).count() * 4 >= word.len();
    if random { Word::Mask("<id>") } else { Word::Numbered(numbered(word)) }
}

/// The bytes of `-00060` after `ORA`.
fn dashed_code(word: &str, after: &str) -> usize {
    let Some(after) = after.strip_prefix('-').filter(|_| CODE_PREFIXES.contains(&word)) else { return 0 };
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    let ends = !after[digits..].starts_with(char::is_alphanumeric);
    if digits > 0 && ends { 1 + digits } else { 0 }
}

/// `AADSTS50011`, `E0308`, `P2002`, `TS2345`, `4xx`, and names of one letter such as `v1`.
fn is_error_code(letters: &str, digits: &str, trailing: bool) -> bool {
    let upper = !letters.is_empty() && letters.bytes().all(|b| b.is_ascii_uppercase());
    let short = upper && letters.len() <= 2 && digits.len() == 4;
    let version = letters.len() == 1 && letters.bytes().all(|b| b.is_ascii_lowercase()) && digits.len() <= 2;
    let class = letters.is_empty() && digits.len() == 3 && digits.ends_with("xx");
    class || (trailing && (short || version || CODE_PREFIXES.contains(&letters)))
}

/// Whether each number of a word is part of a name such as `Http2` or `SHA256`.
fn is_named_by_number(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    let bytes = lower.as_bytes();
    let ends = (1..=bytes.len()).filter(|end| {
        bytes[end - 1].is_ascii_digit() && bytes.get(*end).is_none_or(|next| !next.is_ascii_digit())
    });
    word.len() <= 64
        && word.is_ascii()
        && ends.into_iter().all(|end| NAMED_BY_NUMBER.iter().any(|name| lower[..end].ends_with(name)))
}

fn numbered(word: &str) -> String {
    let mut out = String::with_capacity(word.len() + 5);
    for c in word.chars() {
        if !c.is_ascii_digit() {
            out.push(c);
        } else if !out.ends_with("<num>") {
            out.push_str("<num>");
        }
    }
    out
}

/// How many of the numbers after this word stay: `HTTP/1.1 500` has two.
pub(super) fn codes_after(word: &str) -> u8 {
    match word.to_ascii_lowercase().as_str() {
        "http" => 2,
        "status_code" | "error_code" | "exit_code" => 1,
        lower => u8::from(CODE_KEYS.contains(&lower)),
    }
}

/// Words that may stand between `status` and its number.
pub(super) fn is_filler(word: &str) -> bool {
    ["code", "is", "was", "of", "with", "status", "http", "error"]
        .contains(&word.to_ascii_lowercase().as_str())
}

/// Whether a number may be a status or code: `404`, `1.1`, `-111`, `23505`.
pub(super) fn is_code(number: &str) -> bool {
    number.len() <= 5 && number.bytes().all(|b| b.is_ascii_digit() || b".-".contains(&b))
}

pub(super) fn precedes_route(word: &str) -> bool {
    METHODS.contains(&word) || ROUTE_KEYS.contains(&word)
}

pub(super) fn is_key(content: &str) -> bool {
    content.len() <= 64 && content.chars().all(|c| c.is_alphabetic() || matches!(c, '_' | '-' | '.'))
}

pub(super) fn is_telling_key(key: &str) -> bool {
    TELLING_KEYS.contains(&key.to_ascii_lowercase().as_str())
}

pub(super) fn is_naming_key(key: &str) -> bool {
    NAMING_KEYS.contains(&key.to_ascii_lowercase().as_str())
}

/// The run of letters, digits and underscores that a text ends in; empty where it ends in none.
pub(super) fn last_word(text: &str) -> &str {
    &text[text.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_').len()..]
}

pub(super) fn is_source_file(name: &str) -> bool {
    let stem_and_ending = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty() && stem.len() <= 64);
    stem_and_ending.is_some_and(|(_, ending)| SOURCE_ENDINGS.contains(&ending))
}
