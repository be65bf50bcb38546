//! What values look like, told from their bytes alone.

use super::MASK;
use super::vocabulary::{CODE_LIKE, DOMAIN, FILE_ENDING, Meaning, SOURCE_ENDING};

/// Whether a mask, what stands between and another mask are one list: `<*>, <*>`, `<*>-<*>`, `<*> and <*>`. `space` tells
/// whether a space follows what stands between.
pub(super) fn parts_a_list(between: &str, space: bool) -> bool {
    match between.as_bytes() {
        [sign] => b",;-:/._+#@|~%$\\*x".contains(sign),
        [] | b", " | b" -" | b".." | b"->" | b"::" | b"##" | b"--" => true,
        b" and" | b" or" | b", and" | b", or" => space,
        _ => false,
    }
}

/// What other miners of templates put in the place of values, as Drain3 does in `<:IP:>`.
const OTHER_MASKS: [&[u8]; 12] =
    [b"num", b"hex", b"uuid", b"ip", b"email", b"host", b"query", b"time", b"str", b"path", b"id", b"seq"];

/// The bytes of a mask that the text begins with: our own, and `<:IP:>`, `<num>` of other miners.
pub(super) fn standing_mask(text: &str) -> Option<usize> {
    if text.starts_with("<*>") {
        return Some(3);
    }
    let inside = &text.as_bytes()[1..text.len().min(16)];
    let end = inside.iter().position(|byte| *byte == b'>')?;
    let name = &inside[..end];
    let name = name.strip_prefix(b":").and_then(|name| name.strip_suffix(b":")).unwrap_or(name);
    OTHER_MASKS.iter().any(|known| name.eq_ignore_ascii_case(known)).then_some(end + 2)
}

/// A UUID at the beginning (RFC 9562).
pub(super) fn uuid(bytes: &[u8]) -> bool {
    bytes.len() >= 36
        && bytes[..36].iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
        && !bytes.get(36).is_some_and(u8::is_ascii_alphanumeric)
}

/// The bytes of a value that stands for itself within a chunk: a UUID, or a mask that was there before.
pub(super) fn value(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(MASK.as_bytes()) { Some(MASK.len()) } else { uuid(bytes).then_some(36) }
}

/// A MAC address, with colons or dashes.
pub(super) fn mac(bytes: &[u8]) -> bool {
    bytes.len() == 17
        && bytes.iter().enumerate().all(|(at, byte)| {
            if at % 3 == 2 { *byte == bytes[2] && b":-".contains(byte) } else { byte.is_ascii_hexdigit() }
        })
}

/// An IPv6 address, perhaps with a zone or an embedded IPv4 address (RFC 4291).
pub(super) fn ipv6(text: &str) -> bool {
    let address = text.split('%').next().unwrap_or(text);
    address.len() <= 45
        && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':' || b == b'.')
        && address.bytes().filter(|b| *b == b':').count() >= 2
        && (address.contains("::") || address.bytes().filter(|b| *b == b':').count() == 7)
}

pub(super) fn is_source_file(name: &str) -> bool {
    let stem_and_ending = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty() && stem.len() <= 64);
    stem_and_ending.is_some_and(|(_, ending)| Meaning::of(ending).is(SOURCE_ENDING))
}

/// What a dotted chunk names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dotted {
    /// A host: `db-1.eu.example.com`.
    Host,
    /// A package, class or key: `com.example.shop.Cart`.
    Package,
    /// Neither, by its shape.
    Other,
}

/// Tells hosts from packages: hosts end in a domain, packages begin with one or have capitals.
pub(super) fn dotted(chunk: &str) -> Dotted {
    let dot = |byte: u8| byte == b'.';
    let last = &chunk[chunk.bytes().rposition(dot).map_or(0, |at| at + 1)..];
    let first = &chunk[..chunk.bytes().position(dot).unwrap_or(chunk.len())];
    if last.starts_with(|c: char| c.is_ascii_digit()) && first.starts_with(|c: char| c.is_ascii_digit()) {
        return Dotted::Other;
    }
    let labels = Labels::of(chunk);
    let end = Meaning::of(last);
    let reversed = Meaning::of(first).is(DOMAIN) || (first.len() <= 1 && !labels.digits);
    if labels.of_host && !reversed && last.len() >= 2 && last.bytes().all(|b| b.is_ascii_lowercase()) {
        let country = last.len() == 2 && (labels.digits || !end.is(CODE_LIKE));
        let file = end.is(FILE_ENDING) || end.is(SOURCE_ENDING);
        if end.is(DOMAIN) || (labels.count >= 3 && !labels.capitals && !file && (country || labels.digits)) {
            return Dotted::Host;
        }
    }
    if labels.of_package && labels.count >= 3 && !end.is(FILE_ENDING) {
        Dotted::Package
    } else {
        Dotted::Other
    }
}

/// What the labels between dots are made of.
#[expect(clippy::struct_excessive_bools, reason = "four facts of one pass, each asked on its own")]
struct Labels {
    count: usize,
    /// Letters, digits and dashes alone (RFC 1123), none empty.
    of_host: bool,
    /// Identifiers, none empty.
    of_package: bool,
    digits: bool,
    capitals: bool,
}

impl Labels {
    fn of(chunk: &str) -> Self {
        let mut labels = Self { count: 1, of_host: true, of_package: true, digits: false, capitals: false };
        let mut begins = true;
        for byte in chunk.bytes() {
            match byte {
                b'.' => {
                    labels.count += 1;
                    labels.of_host &= !begins;
                    labels.of_package &= !begins;
                    begins = true;
                    continue;
                }
                b'a'..=b'z' => {}
                b'A'..=b'Z' => labels.capitals = true,
                b'0'..=b'9' => {
                    labels.digits = true;
                    labels.of_package &= !begins;
                }
                b'-' => labels.of_host &= !begins,
                b'_' | b'$' => labels.of_host = false,
                _ => (labels.of_host, labels.of_package) = (false, false),
            }
            begins = false;
        }
        labels.of_host &= !begins;
        labels.of_package &= !begins;
        labels
    }
}

/// Whether a run of letters and digits is a hash or an id in hex: six digits or more, none beyond `f`.
pub(super) fn is_hex(word: &str) -> bool {
    word.len() >= 6 && word.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether a word has letters of hex alone: eight or more of them are no word of any language.
pub(super) fn is_hex_word(word: &str) -> bool {
    word.len() >= 8 && word.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether a name ends as Kubernetes ends the names of pods: five of its safe letters (no vowel).
pub(super) fn is_pod_suffix(word: &str) -> bool {
    word.len() == 5 && word.bytes().all(|b| b"bcdfghjklmnpqrstvwxz2456789".contains(&b))
}

/// Whether a long chunk is base64 or another random text: letters of both cases and digits, well mixed.
pub(super) fn is_random(chunk: &str) -> bool {
    let bytes = chunk.as_bytes();
    bytes.len() >= 24
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=_-.".contains(b))
        && bytes.iter().any(u8::is_ascii_uppercase)
        && bytes.iter().any(u8::is_ascii_lowercase)
        && bytes.iter().filter(|b| b.is_ascii_digit()).count() >= 2
        && changes(bytes) * 4 >= bytes.len()
}

/// How often neighbours are of different classes: lower case, upper case, digit, sign.
pub(super) fn changes(bytes: &[u8]) -> usize {
    let class = |b: u8| match b {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    bytes.windows(2).filter(|pair| class(pair[0]) != class(pair[1])).count()
}

/// The scheme of an address at the beginning (RFC 3986); also of those with a `jdbc:` or `jar:` before it.
pub(super) fn scheme(text: &str) -> Option<&str> {
    let at = text.find("://")?;
    let scheme = &text[..at];
    (at > 1 && at <= 32 && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.:".contains(&b)))
        .then_some(scheme)
}

/// An e-mail address, perhaps in angle brackets that stand outside.
pub(super) fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.split_once('@') else { return false };
    !local.is_empty()
        && host.contains('.')
        && local.bytes().all(|b| b.is_ascii_alphanumeric() || b"._%+-".contains(&b))
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-".contains(&b))
        && host
            .rsplit('.')
            .next()
            .is_some_and(|last| last.len() >= 2 && last.bytes().all(|b| b.is_ascii_alphabetic()))
}
