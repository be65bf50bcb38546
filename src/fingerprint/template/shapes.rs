//! Values that are known by their shape: each function looks at the start of a text and says how long the value is.

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Dates and times, `d` for a digit and `a` for a letter. Longer forms stand before those that begin alike.
const TIMES: [&str; 17] = [
    "aaa aaa dd dd:dd:dd dddd",
    "aaa aaa d dd:dd:dd dddd",
    "dddd-dd-ddadd:dd:dd",
    "dddd-dd-dd dd:dd:dd",
    "dddd-dd-ddadd:dd",
    "dddd/dd/dd dd:dd:dd",
    "dd/aaa/dddd:dd:dd:dd",
    "aaa, dd aaa dddd dd:dd:dd",
    "aaa dd dd:dd:dd",
    "aaa d dd:dd:dd",
    "dddd-dd-dd",
    "dddd/dd/dd",
    "dd/dd/dddd",
    "dd.dd.dddd",
    "dd/dd/dd dd:dd:dd",
    "dd-dd dd:dd:dd",
    "dd:dd:dd",
];

/// What may follow a number as its unit, without a space.
const UNITS: [&str; 34] = [
    "ns", "us", "µs", "μs", "ms", "s", "sec", "secs", "m", "min", "mins", "h", "hr", "hrs", "d", "b", "B",
    "kb", "kB", "KB", "KiB", "K", "k", "M", "MB", "Mi", "MiB", "G", "GB", "Gi", "GiB", "TB", "TiB", "x",
];

/// How long an IPv6 address is at most, and a colon.
const IPV6_BYTES_MAX: usize = 40;

/// How long a number may be, in bytes; a longer one is read part by part.
const NUMBER_BYTES_MAX: usize = 64;

/// How long the local part of an e-mail address may be (RFC 5321, 4.5.3.1.1).
const LOCAL_PART_BYTES_MAX: usize = 64;

/// How many bytes a value of a shape takes, where one begins.
type Shape = fn(&str) -> Option<usize>;

/// The mask of the value that begins here, and how many bytes it takes.
pub(super) fn value(text: &str) -> Option<(usize, &'static str)> {
    const SHAPES: [(Shape, &str); 5] =
        [(time, "<time>"), (uuid, "<uuid>"), (ip, "<ip>"), (email, "<email>"), (hex, "<hex>")];
    SHAPES.iter().find_map(|(shape, mask)| Some((shape(text)?, *mask)))
}

fn ends_at(text: &str, end: usize) -> bool {
    !text[end..].starts_with(char::is_alphanumeric)
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn fits(text: &str, shape: &str) -> bool {
    text.len() >= shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, shape)| match shape {
            b'd' => byte.is_ascii_digit(),
            b'a' => byte.is_ascii_alphabetic(),
            other => byte == other,
        })
}

fn time(text: &str) -> Option<usize> {
    let shape = TIMES.iter().find(|shape| fits(text, shape))?;
    let is_named = !shape.starts_with("aaa") || MONTHS.iter().chain(&DAYS).any(|name| text.starts_with(name));
    let mut end = shape.len();
    if shape.ends_with(":dd") {
        end += fraction(&text[end..]);
        end += zone(&text[end..]);
    }
    (is_named && ends_at(text, end)).then_some(end)
}

fn fraction(text: &str) -> usize {
    let count = text.strip_prefix(['.', ',']).map_or(0, digits);
    if count == 0 { 0 } else { 1 + count }
}

fn zone(text: &str) -> usize {
    const ZONES: [&str; 9] =
        [" +dd:dd", " -dd:dd", " +dddd", " -dddd", "+dd:dd", "-dd:dd", "+dddd", "-dddd", "Z"];
    const NAMED: [&str; 2] = [" UTC", " GMT"];
    ZONES
        .iter()
        .find(|zone| fits(text, zone))
        .or_else(|| NAMED.iter().find(|zone| text.starts_with(**zone)))
        .map_or(0, |zone| zone.len())
}

fn uuid(text: &str) -> Option<usize> {
    let bytes = text.as_bytes().get(..36)?;
    let is_uuid = bytes.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    (is_uuid && ends_at(text, 36)).then_some(36)
}

/// An IPv4 or IPv6 address, with its port or prefix length.
fn ip(text: &str) -> Option<usize> {
    let end = ipv4(text).or_else(|| ipv6(text))?;
    let port = text[end..].strip_prefix([':', '/']).map_or(0, digits);
    let end = if port == 0 { end } else { end + 1 + port };
    ends_at(text, end).then_some(end)
}

fn ipv4(text: &str) -> Option<usize> {
    let mut end = 0;
    for part in 0..4 {
        if part > 0 {
            text[end..].starts_with('.').then_some(())?;
            end += 1;
        }
        let count = digits(&text[end..]);
        (1..=3).contains(&count).then_some(())?;
        end += count;
    }
    let more = text[end..].strip_prefix('.').is_some_and(|after| digits(after) > 0);
    (!more && ends_at(text, end)).then_some(end)
}

fn ipv6(text: &str) -> Option<usize> {
    let end = text.bytes().take(IPV6_BYTES_MAX).take_while(|b| b.is_ascii_hexdigit() || *b == b':').count();
    let end = text[..end].strip_suffix(':').filter(|rest| !rest.ends_with(':')).map_or(end, str::len);
    let address = &text[..end];
    let colons = address.matches(':').count();
    let has_digit = address.bytes().any(|b| b.is_ascii_digit());
    let groups = address.split(':').all(|group| group.len() <= 4);
    // The eighth colon may set a port apart.
    let whole =
        colons == 7 || colons == 8 || (address.matches("::").count() == 1 && (2..=7).contains(&colons));
    (whole && has_digit && groups && ends_at(text, end)).then_some(end)
}

fn email(text: &str) -> Option<usize> {
    let local = text.bytes().take(LOCAL_PART_BYTES_MAX + 1);
    let local = local.take_while(|b| b.is_ascii_alphanumeric() || b"._%+-".contains(b)).count();
    let domain = text[local..].strip_prefix('@')?;
    let length = domain.bytes().take_while(|b| b.is_ascii_alphanumeric() || b".-".contains(b)).count();
    let domain = domain[..length].trim_end_matches(['.', '-']);
    (local > 0 && domain.contains('.')).then_some(local + 1 + domain.len())
}

/// `0x7ffe`, a git hash, a digest: hex digits with both digits and letters among them, 7 or more.
fn hex(text: &str) -> Option<usize> {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_hexdigit).count();
    if let Some(after) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        let count = digits(after);
        return (count > 0 && ends_at(after, count)).then_some(2 + count);
    }
    let count = digits(text);
    let run = &text[..count];
    let is_mixed = run.bytes().any(|b| b.is_ascii_digit()) && run.bytes().any(|b| b.is_ascii_alphabetic());
    (count >= 7 && is_mixed && ends_at(text, count)).then_some(count)
}

/// Base64, API keys and JWTs: long runs in which letters of both cases and digits change places often.
pub(super) fn token(text: &str) -> Option<usize> {
    let end = text.find(|c| !is_of_token(c)).unwrap_or(text.len());
    let run = text[..end].trim_end_matches(['.', '-', '_', '/']);
    let is_whole = run.starts_with("eyJ") || !run.contains('.');
    let mixes = run.bytes().any(|b| b.is_ascii_digit())
        && run.bytes().any(|b| b.is_ascii_lowercase())
        && run.bytes().any(|b| b.is_ascii_uppercase());
    let padding = text[run.len()..].bytes().take(2).take_while(|b| *b == b'=').count();
    (is_whole && mixes && run.len() >= 24 && changes(run) * 4 >= run.len()).then_some(run.len() + padding)
}

/// Whether tokens are made of such characters.
pub(super) fn is_of_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '_' | '-' | '.')
}

/// How often a run goes from lower case to upper, from letters to digits or back. Names in camel case do it
/// once a word, random text all the time.
pub(super) fn changes(run: &str) -> usize {
    run.as_bytes()
        .windows(2)
        .filter(|pair| {
            (pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
                || pair[0].is_ascii_digit() != pair[1].is_ascii_digit()
        })
        .count()
}

/// `https` and `api.example.com:443` of `https://api.example.com:443/orders`; user and password go with the host.
pub(super) fn scheme_and_host(text: &str) -> Option<(&str, &str)> {
    let length = text.bytes().take(16).take_while(|b| b.is_ascii_alphanumeric() || b"+-".contains(b)).count();
    let (scheme, after) = (&text[..length], text[length..].strip_prefix("://")?);
    let end =
        after.find(|c: char| c.is_whitespace() || "/?#\"'`<>(),;|{}".contains(c)).unwrap_or(after.len());
    let host = after[..end].trim_end_matches(['.', ':']);
    (length > 1 && !host.is_empty()).then_some((scheme, host))
}

/// An absolute path of two segments or more, or one with a drive.
pub(super) fn path(text: &str) -> Option<&str> {
    let drive = if fits(text, "a:\\") || fits(text, "a:/") { 2 } else { 0 };
    let below = &text[drive..];
    let ends = |c: char| c.is_whitespace() || "\"'`<>()[]{},;|=&?*:".contains(c);
    let below = below[..below.find(ends).unwrap_or(below.len())].trim_end_matches(['.', '!']);
    let segments = below.split(['/', '\\']).skip(1).filter(|part| !part.is_empty()).count();
    let begins = drive > 0 || (text.starts_with('/') && !text.starts_with("//"));
    (begins && segments >= if drive > 0 { 1 } else { 2 }).then_some(&text[..drive + below.len()])
}

/// A number with groups, decimals, exponent and unit, also a duration such as `1h2m3.5s` or a version.
pub(super) fn number(text: &str) -> Option<usize> {
    let text = &text[..text.floor_char_boundary(NUMBER_BYTES_MAX)];
    let mut end = 0;
    loop {
        let count = digits(&text[end..]);
        (count > 0).then_some(())?;
        end += count;
        while let Some(more) = text[end..].strip_prefix(['.', ',']).map(digits).filter(|count| *count > 0) {
            end += 1 + more;
        }
        end += exponent(&text[end..]);
        let letters = text[end..].find(|c: char| !c.is_alphabetic()).unwrap_or(text.len() - end);
        let unit = &text[end..end + letters];
        if !(unit.is_empty() || UNITS.contains(&unit)) {
            return None;
        }
        end += unit.len();
        if ends_at(text, end) {
            return Some(end + usize::from(text[end..].starts_with('%')));
        }
    }
}

fn exponent(text: &str) -> usize {
    let Some(after) = text.strip_prefix(['e', 'E']) else { return 0 };
    let sign = usize::from(after.starts_with(['+', '-']));
    let count = digits(&after[sign..]);
    if count == 0 { 0 } else { 1 + sign + count }
}
