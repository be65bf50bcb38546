//! Runs of letters and digits: words, codes or values; and what a key says of its value.

use super::shapes;
use super::vocabulary::{CLASS, FIXED, HAPPENING, METHOD, Meaning, NAMING_KEY, PERSON_KEY, TELLING_KEY};

/// What a run of letters and digits is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// It stays.
    Kept,
    /// A value.
    Value,
    /// A name with a number at its end; so many letters stay.
    Numbered(usize),
}

/// What a key says of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// The value is the message.
    Telling,
    /// The value names a person.
    Person,
    /// The value names a thing of which there are many.
    Naming,
    /// Nothing.
    Other,
}

impl Key {
    pub(super) fn of(name: &str) -> Self {
        Self::meant(Meaning::of(name))
    }

    pub(super) fn meant(name: Meaning) -> Self {
        if name.is(TELLING_KEY) {
            Self::Telling
        } else if name.is(PERSON_KEY) {
            Self::Person
        } else if name.is(NAMING_KEY) {
            Self::Naming
        } else {
            Self::Other
        }
    }
}

/// Ends of names in which a number is part of the name, in lower case.
const NAMED_BY_NUMBER: &[&str] = &[
    "http2", "http3", "http1", "oauth2", "oauth1", "ipv4", "ipv6", "utf8", "utf16", "utf32", "sha1",
    "sha256", "sha384", "sha512", "md5", "base64", "base32", "int8", "int16", "int32", "int64", "float32",
    "float64", "amd64", "arm64", "x86", "s3", "ec2", "log4", "slf4", "k8", "i18", "l10", "tls1", "es256",
];

/// Prefixes of error codes: of databases, identity providers, compilers and application servers.
const CODE_PREFIXES: &[&str] = &[
    "ORA", "TNS", "PLS", "SQL", "AADSTS", "PGRST", "ERR", "WFLY", "HHH", "MSB", "CVE", "IJ", "DB", "UTF",
    "ISO",
];

/// What the names of exceptions end in; they stay whatever digits they have.
const EXCEPTION_ENDINGS: &[&str] = &["Error", "Exception", "Failure", "Fault", "Errors"];

pub(super) fn read(word: &str) -> Word {
    let Some(first_digit) = word.bytes().position(|b| b.is_ascii_digit()) else { return Word::Kept };
    let (letters, digits) = word.split_at(first_digit);
    let trailing = digits.bytes().all(|b| b.is_ascii_digit());
    if letters.is_empty() {
        let class = digits.len() == 3 && digits.ends_with("xx");
        return if class { Word::Kept } else { Word::Value };
    }
    if is_exception(word) || is_named_by_number(word) || is_code_word(letters, digits, trailing) {
        return Word::Kept;
    }
    if shapes::is_hex(word) {
        return Word::Value;
    }
    if trailing {
        return Word::Numbered(letters.len());
    }
    let bytes = word.as_bytes();
    let random = shapes::changes(bytes) * 3 >= bytes.len()
        || bytes.iter().filter(|b| b.is_ascii_digit()).count() * 4 >= bytes.len();
    if random { Word::Value } else { Word::Numbered(letters.len()) }
}

/// A status of HTTP that tells of a failure (RFC 9110).
pub(super) fn is_failed_status(part: &str) -> bool {
    part.len() == 3 && part.starts_with(['4', '5']) && part.bytes().all(|b| b.is_ascii_digit())
}

/// A whole part that is an error's code, such as `ORA-00060`.
pub(super) fn is_error_code(part: &str) -> bool {
    let Some((prefix, number)) = part.split_once('-') else { return false };
    CODE_PREFIXES.contains(&prefix) && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
}

/// `AADSTS50011`, `E0308`, `P2002`, `TS2345`, and names of one letter such as `v1`.
fn is_code_word(letters: &str, digits: &str, trailing: bool) -> bool {
    let upper = letters.bytes().all(|b| b.is_ascii_uppercase());
    let short = upper && letters.len() <= 2 && digits.len() == 4 || letters == "E" && digits.len() == 5;
    trailing && (short || CODE_PREFIXES.contains(&letters))
}

/// Whether each number of a word is part of a name such as `Http2` or `SHA256`.
fn is_named_by_number(word: &str) -> bool {
    if word.len() > 64 || !word.is_ascii() {
        return false;
    }
    let bytes = word.as_bytes();
    (1..=bytes.len())
        .filter(|end| {
            bytes[end - 1].is_ascii_digit() && bytes.get(*end).is_none_or(|next| !next.is_ascii_digit())
        })
        .all(|end| {
            NAMED_BY_NUMBER
                .iter()
                .any(|name| end >= name.len() && word[end - name.len()..end].eq_ignore_ascii_case(name))
        })
}

/// Whether a part may be a status or code: `404`, `-111`, `23505`, `42P01`, `0x80070005`.
pub(super) fn is_code(part: &str) -> bool {
    let digits = part.strip_prefix('-').unwrap_or(part);
    let number = digits.len() <= 5 && digits.bytes().all(|b| b.is_ascii_digit());
    let sqlstate = part.len() == 5 && part.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
    let hresult =
        part.len() == 10 && part.starts_with("0x") && part.bytes().skip(2).all(|b| b.is_ascii_hexdigit());
    number || sqlstate || hresult
}

pub(super) fn is_key(content: &str) -> bool {
    !content.is_empty()
        && content.len() <= 64
        && content.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// Whether a quoted text is a sentence, to be read on like the rest, and not a name of a few words: `"red cedar desk"`.
pub(super) fn is_sentence(content: &str) -> bool {
    let words = || content.split(' ').filter(|word| !word.is_empty());
    content.contains(' ') && (words().nth(3).is_some() || words().any(distinguishes))
}

/// A value without a value.
pub(super) fn is_missing(word: &str) -> bool {
    ["null", "nil", "None", "undefined", "(null)"].contains(&word)
}

/// Values that tell one case from another.
pub(super) fn is_fixed(word: &str) -> bool {
    Meaning::of(word).is(FIXED)
}

pub(super) fn is_plain_value(content: &str) -> bool {
    is_fixed(content) || is_exception(content)
}

pub(super) fn is_exception(name: &str) -> bool {
    EXCEPTION_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// The run of letters, digits, underscores and dashes that a text ends in; empty where it ends in none.
pub(super) fn last_word(text: &str) -> &str {
    let bytes = text.as_bytes();
    let length =
        bytes.iter().rev().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_' || **b == b'-').count();
    &text[text.len() - length..]
}

/// Whether a name follows the word, as in `database orders` and `queue mails`.
pub(crate) fn is_class(word: &str) -> bool {
    Meaning::of(word).is(CLASS)
}

/// Whether a word tells errors apart whatever else is alike: what happened, codes, exceptions, verbs by their ending.
pub(crate) fn distinguishes(word: &str) -> bool {
    Meaning::of(word).is(HAPPENING)
        || is_exception(word)
        || is_method(word)
        || word.bytes().any(|b| b.is_ascii_digit())
        || (word.len() > 4 && (word.ends_with("ing") || word.ends_with("ed")))
}

/// Whether a word is a method of HTTP, as requests spell it.
pub(super) fn is_method(word: &str) -> bool {
    Meaning::of(word).is(METHOD) && word.bytes().all(|b| b.is_ascii_uppercase())
}
