//! Where a frame points: its path in one spelling, and whether the path is the service's own code.

/// Parts of a path, in lower case, that only libraries, runtimes and generated code have.
const FOREIGN: [&str; 25] = [
    "site-packages/",
    "dist-packages/",
    "/lib/python3.",
    "/lib64/python3.",
    "<",
    "node_modules/",
    "node:",
    "webpack/bootstrap",
    "webpack/runtime",
    ".yarn/cache/",
    ".pnp.",
    "/pkg/mod/",
    "/rustc/",
    ".cargo/registry/",
    ".cargo/git/",
    "/.rustup/",
    "/gems/",
    "/lib/ruby/",
    "/vendor/",
    "/usr/lib/",
    "/var/runtime/",
    "/python310/lib/",
    "/python311/lib/",
    "/python312/lib/",
    "/python313/lib/",
];

/// How such paths begin where they are relative.
const FOREIGN_ROOTS: [&str; 5] =
    ["vendor/", "internal/modules/", "internal/process/", "internal/main/", "internal/timers"];

/// A path with forward slashes, without the scheme, host and query that script engines write with it.
pub(super) fn file(raw: &str) -> String {
    let path = raw.trim().split(['?', '#']).next().unwrap_or_default().replace('\\', "/");
    if path.starts_with("node:") {
        return path;
    }
    let path = match path.split_once("://") {
        Some(("file", path)) => path,
        Some((scheme, path)) if scheme.starts_with("webpack") => {
            path.rsplit_once("/./").map_or(path.trim_start_matches('/'), |(_, path)| path)
        }
        Some((_, after)) => after.find('/').map_or(after, |slash| &after[slash..]),
        None => &path,
    };
    path.strip_prefix("./").unwrap_or(path).to_owned()
}

/// Whether a path may be the service's own: not a library's, not the runtime's.
pub(super) fn is_own(file: &str) -> bool {
    let lower = file.to_ascii_lowercase();
    !(FOREIGN_ROOTS.iter().any(|root| lower.starts_with(root))
        || FOREIGN.iter().any(|part| lower.contains(part)))
}

/// Whether a file's name ends in `.ending`.
pub(super) fn ends_in(file: &str, ending: &str) -> bool {
    file.rsplit_once('.').is_some_and(|(_, found)| found == ending)
}

/// Splits `path:12` into path and line.
pub(super) fn split_line(place: &str) -> Option<(&str, u32)> {
    let (path, line) = place.rsplit_once(':')?;
    Some((path, number(line)?))
}

/// Splits `path:12:5` into path and line.
pub(super) fn split_line_and_column(place: &str) -> Option<(&str, u32)> {
    let (place, _column) = split_line(place)?;
    split_line(place)
}

/// A line's number, of digits alone.
pub(super) fn number(digits: &str) -> Option<u32> {
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}
