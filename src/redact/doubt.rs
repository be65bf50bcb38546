//! The second look: whether what has the shape of a secret is one.
//!
//! Logs and source code name secrets far more often than they hold them. Source must survive, because it is read and
//! edited; so what is told apart here is a value from the code, template or prose that stands in a value's place.

use std::collections::BTreeMap;

/// Words that stand where a value is absent, typed or talked about.
const WORDS: &[&str] = &[
    "none",
    "null",
    "nil",
    "true",
    "false",
    "undefined",
    "empty",
    "missing",
    "required",
    "optional",
    "invalid",
    "expired",
    "not",
    "is",
    "was",
    "the",
    "a",
    "an",
    "must",
    "should",
    "cannot",
    "does",
    "has",
    "for",
    "and",
    "or",
    "incorrect",
    "wrong",
    "mismatch",
    "too",
    "changed",
    "reset",
    "updated",
    "failed",
    "str",
    "string",
    "bytes",
    "int",
    "bool",
    "any",
    "text",
    "&str",
    "object",
    "await",
    "new",
    "self",
    "this",
    "required,",
];

/// What code calls the thing that a secret is taken from.
const HOLDERS: &[&str] = &[
    "self",
    "this",
    "cfg",
    "config",
    "conf",
    "settings",
    "os",
    "process",
    "env",
    "environ",
    "request",
    "req",
    "response",
    "resp",
    "res",
    "args",
    "kwargs",
    "options",
    "opts",
    "params",
    "props",
    "ctx",
    "context",
    "app",
    "data",
    "body",
    "form",
    "user",
    "account",
    "credentials",
    "secrets",
    "vault",
    "import",
];

const SENSITIVE: &[&str] = &["passw", "pwd", "pass", "secret", "token", "key", "cred"];

/// Whether the value of a key whose name says that it is secret is one. `quoted` tells a string from a bare word.
pub(super) fn is_secret_value(key: &str, value: &str, quoted: bool) -> bool {
    let (key, lower) = (key.to_ascii_lowercase(), value.to_ascii_lowercase());
    if WORDS.contains(&lower.as_str()) || is_placeholder(&lower, value) || (!quoted && is_code(&key, &lower))
    {
        return false;
    }
    let holds = |words: &[&str]| words.iter().any(|word| key.contains(word));
    if holds(&["passw", "pwd", "passphrase", "x-api-key", "x-auth-token"]) {
        return true;
    }
    if key.ends_with("pass") {
        return value.bytes().any(|b| !b.is_ascii_digit());
    }
    value.len() >= 8 && (is_token(value) || value.len() >= 24)
}

/// What templates and maskers write in a value's place; `lower` is `value` in lower case.
fn is_placeholder(lower: &str, value: &str) -> bool {
    let is_masked = lower.starts_with("**") || lower.contains("xxxx");
    let is_filler = lower.bytes().all(|b| matches!(b, b'*' | b'.' | b'-' | b'x'));
    let is_verb =
        value.starts_with('%') && (value.len() <= 3 || value.starts_with("%(") || value.ends_with('%'));
    let is_slot = value.starts_with(['{', '[']) || (value.starts_with('<') && value.ends_with('>'));
    is_masked || is_filler || is_verb || is_slot || is_variable(lower, value)
}

/// `${VAR}`, `$(command)`, `$VAR`, `$password`; `$ecret1` is a password.
fn is_variable(lower: &str, value: &str) -> bool {
    let Some(name) = value.strip_prefix('$') else { return false };
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let is_upper = !name.bytes().any(|b| b.is_ascii_lowercase());
    name.starts_with(['{', '('])
        || (is_name && (is_upper || SENSITIVE.iter().any(|word| lower.contains(word))))
}

/// A call, an index, an attribute of something that holds settings, or the name of the key itself.
fn is_code(key: &str, lower: &str) -> bool {
    let head_end = lower.find(|c: char| !(c.is_ascii_alphanumeric() || "_.$?:>-".contains(c)));
    let (head, rest) = lower.split_at(head_end.unwrap_or(lower.len()));
    if !head.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return false;
    }
    let bare_key = key.rsplit(['.', '-']).next().unwrap_or(key);
    let mut parts = head.split(['.', ':', '?', '>']).filter(|part| !part.is_empty());
    let (first, last) = (parts.next().unwrap_or_default(), parts.next_back());
    rest.starts_with(['(', '['])
        || head == bare_key
        || last.is_some_and(|last| {
            HOLDERS.contains(&first.trim_end_matches('-')) || SENSITIVE.iter().any(|word| last.contains(word))
        })
}

/// A token has a digit, or mixes cases, or is padded; prose does not.
pub(super) fn is_token(value: &str) -> bool {
    let has = |of: fn(&u8) -> bool| value.bytes().any(|b| of(&b));
    has(u8::is_ascii_digit)
        || value.ends_with('=')
        || (has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase))
}

/// Random enough for a key: at least 3 bits a character (gitleaks asks the same of key ids) and not all letters.
/// Hyphenated words hold fewer than two digits.
pub(super) fn is_random(value: &str) -> bool {
    value.bytes().filter(u8::is_ascii_digit).count() >= 2 && entropy(value) >= 3.0
}

/// Shannon's entropy of the characters, in bits.
pub(super) fn entropy(value: &str) -> f64 {
    let mut counts = BTreeMap::<char, u32>::new();
    value.chars().for_each(|c| *counts.entry(c).or_default() += 1);
    let length = f64::from(counts.values().sum::<u32>());
    counts.values().map(|&count| f64::from(count) / length).map(|share| -share * share.log2()).sum()
}

/// `git@github.com:owner/repo` is an address of a repository, not of a person.
pub(super) fn is_person(address: &str) -> bool {
    !address.starts_with("git@")
}

/// ISO/IEC 7812-1, annex B.
pub(super) fn is_luhn(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let doubled = |digit: u32| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 =
        digits.iter().rev().enumerate().map(|(i, &d)| if i % 2 == 0 { d } else { doubled(d) }).sum();
    (13..=19).contains(&digits.len()) && sum.is_multiple_of(10)
}

/// ISO 13616: the first four characters go to the end, letters count from 10, and the number is 1 modulo 97.
pub(super) fn is_iban(text: &str) -> bool {
    let compact: Vec<u32> = text.chars().filter(|&c| c != ' ').filter_map(|c| c.to_digit(36)).collect();
    let turned = compact.iter().skip(4).chain(compact.iter().take(4));
    let rest = turned.fold(0, |rest, &value| (rest * if value < 10 { 10 } else { 100 } + value) % 97);
    (15..=34).contains(&compact.len()) && rest == 1
}
