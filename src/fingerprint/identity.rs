//! The id: what of an error is part of it, freed of all that differs between two occurrences or two builds.

use super::ALGORITHM_VERSION;
use crate::model::{ClusterDetail, Fingerprint, Frame};

/// Where container images and build machines put code; the same code at another root is the same error.
const ROOTS: [&str; 11] = [
    "/usr/src/app/",
    "/usr/local/app/",
    "/var/www/html/",
    "/var/task/",
    "/workspace/",
    "/workspaces/",
    "/app/",
    "/src/",
    "/code/",
    "/srv/",
    "/_/",
];

/// Folders whose next segment is a name of somebody or something that has no part in the code.
const ROOTS_OF_NAMES: [&str; 3] = ["/home/", "/Users/", "/opt/"];

/// What compilers put before a number that changes when code beside it does.
const NUMBERED: [&str; 14] = [
    "$",
    "#",
    "/",
    "|",
    "|_",
    "__",
    "Accessor",
    "Proxy",
    "lambda_method",
    "lambda-",
    "DisplayClass",
    "DisplayClass_",
    "_closure",
    "gowrap",
];

/// What compilers and libraries put behind the name of a class or method that they make a variant of, with what follows.
const GENERATED: [&str; 5] = ["$ByteBuddy$", "$HibernateProxy$", "$MockitoMock$", "$adapted", "$mc"];

/// How many keys of frames are part of an id, from the innermost.
const KEYS_MAX: usize = 64;

/// How many functions may call each other in turn and still be seen as one recursion.
const CYCLE_MAX: usize = 8;

/// The first 128 bits of BLAKE3 over the version, the service, and either types and frames or type and message.
///
/// Every part is prefixed with its length and every list with its count, so that two errors have one encoding
/// only if they are one. Frames stand for the error alone: with them, the message is of no matter.
pub(super) fn fingerprint(
    service: &[u8],
    error_type: &str,
    causes: &[String],
    frames: &[Frame],
    message: &str,
) -> Fingerprint {
    let mut encoding = Encoding(Vec::with_capacity(ENCODING_BYTES));
    encoding.0.push(ALGORITHM_VERSION);
    encoding.part(if service.is_empty() { b"unknown_service" } else { service });
    encoding.part(last_segment(error_type).as_bytes());
    if frames.is_empty() {
        encoding.0.push(b'm');
        encoding.part(message.as_bytes());
    } else {
        encoding.0.push(b'f');
        let causes: Vec<_> = causes.iter().map(|cause| last_segment(cause).to_owned()).collect();
        encoding.list(&causes);
        encoding.list(&frame_keys(frames));
    }
    encoding.finish()
}

/// What most encodings take, in bytes.
const ENCODING_BYTES: usize = 256;

/// Gathered first and hashed at once: a hasher that takes pieces is two kilobytes to set up and costs more than the hash.
struct Encoding(Vec<u8>);

impl Encoding {
    fn length(&mut self, length: usize) {
        self.0.extend_from_slice(&(length as u64).to_le_bytes());
    }

    fn part(&mut self, part: &[u8]) {
        self.length(part.len());
        self.0.extend_from_slice(part);
    }

    fn list(&mut self, parts: &[String]) {
        self.length(parts.len());
        for part in parts {
            self.part(part.as_bytes());
        }
    }

    fn finish(&self) -> Fingerprint {
        let mut bits = [0; 16];
        bits.copy_from_slice(&blake3::hash(&self.0).as_bytes()[..16]);
        Fingerprint::from_bytes(bits)
    }
}

/// What an id is made of, for people who ask why records are one error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs {
    /// The exception's type as it counts: without package, module or enclosing class.
    pub error_type: String,
    /// What tells errors of that type and service apart.
    pub by: By,
}

/// What tells errors of one service and type apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// The files and functions that the trace went through, innermost first; the message and the lines are of no matter.
    Frames(Vec<(String, String)>),
    /// The message with what varies masked.
    Message(String),
}

/// What the id of a known error was made of. The types of causes are part of it too, and are not kept.
#[must_use]
pub fn inputs(detail: &ClusterDetail) -> Inputs {
    let by = if detail.named_by_message || detail.frames.is_empty() {
        By::Message(detail.message.clone())
    } else {
        let parts = |key: String| {
            let (file, function) = key.split_once('\0').unwrap_or((&key, ""));
            (file.to_owned(), function.to_owned())
        };
        By::Frames(frame_keys(&detail.frames).into_iter().map(parts).collect())
    };
    Inputs { error_type: last_segment(&detail.error_type).to_owned(), by }
}

/// The type without package, module or enclosing class: Python's SDK sends it bare, Java's in full.
#[must_use]
pub fn last_segment(type_name: &str) -> &str {
    let plain = type_name.split(['<', '[', '`']).next().unwrap_or(type_name);
    plain
        .rsplit(['.', ':', '$', '+', '/', '\\', '*'])
        .find(|segment| !segment.is_empty())
        .unwrap_or(type_name)
}

/// The in-app frames, or all where none is; functions that call themselves or each other count once, however deep they went.
fn frame_keys(frames: &[Frame]) -> Vec<String> {
    let none_in_app = !frames.iter().any(|frame| frame.in_app);
    let keys: Vec<_> = frames.iter().filter(|frame| frame.in_app || none_in_app).map(frame_key).collect();
    let mut keys = without_recursion(&keys);
    keys.truncate(KEYS_MAX);
    keys
}

/// Each run of a cycle that turns at least twice becomes its members, sorted: where a stack ran over, and where it was cut, is chance.
/// Takes [`CYCLE_MAX`] comparisons for each key at most, and one more for each key of a run.
fn without_recursion<K: Ord + Clone>(keys: &[K]) -> Vec<K> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < keys.len() {
        let turning = (1..=CYCLE_MAX).find_map(|cycle| {
            let again = keys[at..].iter().zip(keys[at..].iter().skip(cycle));
            let same = again.take_while(|(key, later)| key == later).count();
            (same >= cycle).then_some((cycle, cycle + same))
        });
        let (cycle, run) = turning.unwrap_or((1, 1));
        let mut members = keys[at..at + cycle].to_vec();
        if run > 1 {
            members.sort();
        }
        out.extend(members);
        at += run;
    }
    out.dedup();
    out
}

/// File and function; a file's name holds no NUL, so it ends the file unmistakably.
fn frame_key(frame: &Frame) -> String {
    let function = if is_of_ruby(&frame.file) { ruby_method(&frame.function) } else { &frame.function };
    format!("{}\0{}", file_key(&frame.file), function_key(function))
}

fn is_of_ruby(file: &str) -> bool {
    file.rsplit_once('.').is_some_and(|(_, ending)| ending == "rb")
}

/// The method alone: before 3.4 Ruby named no class, and a block is known by the method that it stands in.
fn ruby_method(function: &str) -> &str {
    let function = function.rsplit(" in ").next().unwrap_or(function);
    match function.rfind(['#', '.']) {
        Some(end) if end + 1 < function.len() && !function.starts_with('<') => &function[end + 1..],
        _ => function,
    }
}

/// At most the last two segments of the path below a container's root, without a build's content hashes.
fn file_key(file: &str) -> String {
    let below = below_root(file.strip_prefix("./").unwrap_or(file));
    let (folder, name) = below.rsplit_once('/').unwrap_or(("", below));
    let parent = folder.rsplit('/').next().unwrap_or_default();
    let name = name.split_inclusive(['.', '-']).filter(|part| !is_content_hash(part)).collect::<String>();
    if parent.is_empty() { name } else { format!("{parent}/{name}") }
}

fn below_root(file: &str) -> &str {
    let file = match file.split_once(":/") {
        Some((drive, _)) if drive.len() == 1 => &file[2..],
        _ => file,
    };
    if let Some(below) = ROOTS.iter().find_map(|root| file.strip_prefix(root)) {
        return below;
    }
    let named = ROOTS_OF_NAMES.iter().find_map(|root| file.strip_prefix(root));
    named.and_then(|rest| rest.split_once('/')).map_or(file, |(_, below)| below).trim_start_matches('/')
}

/// Whether a part of a file's name is such as `3f2a1b9c.` of `main.3f2a1b9c.js` or `BxY3kz9Q.` of `index-BxY3kz9Q.js`, which
/// every build makes anew.
fn is_content_hash(part: &str) -> bool {
    let part = part.trim_end_matches(['.', '-']);
    let has_digit = part.bytes().any(|byte| byte.is_ascii_digit());
    let is_hex = part.len() >= 8 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_base64 = part.len() == 8
        && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && part.bytes().any(|byte| byte.is_ascii_uppercase())
        && part.bytes().any(|byte| byte.is_ascii_lowercase());
    has_digit && (is_hex || is_base64)
}

/// The function without the numbers, addresses and proxies that compilers and frameworks generate.
fn function_key(function: &str) -> String {
    let mut key = String::with_capacity(function.len());
    let mut rest = function;
    while let Some(next) = rest.chars().next() {
        if rest.starts_with("$$") {
            // Such as `$$Lambda$14/0x0000000800c8`, `$$SpringCGLIB$$0`: all up to the method is generated.
            rest = rest.find('.').map_or("", |dot| &rest[dot..]);
        } else if let Some(after) = GENERATED.iter().find_map(|word| rest.strip_prefix(word)) {
            rest = after.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
        } else if let Some(after) = rest.strip_prefix("{{closure}}") {
            // As the newer mangling writes it.
            key.push_str("{closure#}");
            rest = after;
        } else if next.is_ascii_digit() && ends_numbered(&key) {
            let hex =
                rest.strip_prefix("0x").map(|hex| hex.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
            rest = hex.unwrap_or_else(|| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
        } else {
            key.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    key.truncate(key.trim_end_matches('.').len());
    key
}

/// Whether a number after this is generated; Go numbers a closure in a closure `.func1.2`.
fn ends_numbered(key: &str) -> bool {
    NUMBERED.iter().any(|mark| key.ends_with(mark))
        || key.trim_end_matches('.').rsplit('.').next() == Some("func")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recursion_counts_once_wherever_it_ended() {
        for (keys, expected) in [
            ("abc", "abc"),
            ("aabc", "abc"),
            ("xababc", "xabc"),
            ("xbababc", "xabc"),
            ("xabcabcaby", "xabcy"),
            ("xbcabcabcy", "xabcy"),
            ("aba", "aba"),
            ("", ""),
        ] {
            let keys: Vec<char> = keys.chars().collect();
            assert_eq!(without_recursion(&keys).into_iter().collect::<String>(), expected, "{keys:?}");
        }
    }

    /// A key that counts how often it is compared.
    #[derive(Debug, Clone, Eq, PartialOrd, Ord)]
    struct Counted<'a>(u32, &'a std::cell::Cell<usize>);

    impl PartialEq for Counted<'_> {
        fn eq(&self, other: &Self) -> bool {
            self.1.set(self.1.get() + 1);
            self.0 == other.0
        }
    }

    /// Frames that look like a recursion and are none are what costs most.
    #[test]
    fn looking_for_recursion_takes_time_by_the_frame() {
        const FRAMES: u32 = 10_000;
        let shapes: [fn(u32) -> u32; 5] =
            [|n| n, |_| 0, |n| n % 9, |n| u32::from(n % 9 == 0), |n| n / 3 * (n % 2)];
        for shape in shapes {
            let compared = std::cell::Cell::new(0);
            let keys: Vec<_> = (0..FRAMES).map(|n| Counted(shape(n), &compared)).collect();
            let _ = without_recursion(&keys);
            let each = compared.get() / FRAMES as usize;
            assert!(each <= 8 * CYCLE_MAX, "{each} comparisons for each frame");
        }
    }

    #[test]
    fn types_are_compared_by_their_last_segment() {
        for (full, last) in [
            ("java.lang.IllegalStateException", "IllegalStateException"),
            ("com.shop.Cart$EmptyCart", "EmptyCart"),
            ("shop::cart::Error", "Error"),
            ("*url.Error", "Error"),
            ("System.Collections.Generic.KeyNotFoundException", "KeyNotFoundException"),
            ("Shop.Problem`1[System.String]", "Problem"),
            ("KeyError", "KeyError"),
            ("", ""),
            ("...", "..."),
        ] {
            assert_eq!(last_segment(full), last);
        }
    }

    #[test]
    fn files_are_compared_below_the_root() {
        for (file, key) in [
            ("/app/shop/cart.py", "shop/cart.py"),
            ("/usr/src/app/shop/cart.py", "shop/cart.py"),
            ("/workspace/a/b/shop/cart.py", "shop/cart.py"),
            ("/home/jo/cart.py", "cart.py"),
            ("/app/cart.py", "cart.py"),
            ("C:/app/cart.py", "cart.py"),
            ("./src/cart.rs", "src/cart.rs"),
            ("/app/src/cart.rs", "src/cart.rs"),
            ("Cart.java", "Cart.java"),
            ("/app/dist/main.3f2a1b9c.js", "dist/main.js"),
            ("", ""),
        ] {
            assert_eq!(file_key(file), key, "{file}");
        }
    }

    #[test]
    fn functions_are_compared_without_generated_names() {
        for (function, key) in [
            ("com.shop.Cart.lambda$total$0", "com.shop.Cart.lambda$total$"),
            ("com.shop.Cart$$Lambda$14/0x0000000800c8.apply", "com.shop.Cart.apply"),
            ("com.shop.Cart$$SpringCGLIB$$0.total", "com.shop.Cart.total"),
            ("jdk.proxy2.$Proxy123.total", "jdk.proxy2.$Proxy.total"),
            ("main.(*Server).handle.func1.2", "main.(*Server).handle.func"),
            ("shop::cart::total::{closure#3}", "shop::cart::total::{closure#}"),
            ("Shop.Cart.<Total>b__3_0", "Shop.Cart.<Total>b___"),
            ("handle_v2", "handle_v2"),
        ] {
            assert_eq!(function_key(function), key);
        }
    }
}
