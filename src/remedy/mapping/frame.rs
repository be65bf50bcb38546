//! The path that a frame names, in one spelling.

use crate::model::Frame;

/// Where container images put the source. A `*` stands for one segment.
const CONTAINER_ROOTS: [&[&str]; 13] = [
    &["app"],
    &["src"],
    &["source"],
    &["code"],
    &["srv"],
    &["workspace"],
    &["build"],
    &["usr", "src", "app"],
    &["usr", "src", "*"],
    &["home", "*"],
    &["var", "task"],
    &["var", "www", "html"],
    &["opt", "*"],
];

/// What source files of the JVM's languages end in.
const JVM: [&str; 4] = [".java", ".kt", ".scala", ".groovy"];
/// What script engines run.
const SCRIPTS: [&str; 3] = [".js", ".mjs", ".cjs"];
/// Where builds put scripts.
const BUILT: [&str; 6] = ["dist", "build", "out", ".next", "chunks", "bundle"];

/// What a frame asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The path's segments; none where the frame names no file.
    pub segments: Vec<String>,
    /// Whether it begins at no root.
    pub is_relative: bool,
    /// Whether it is what a build made of other files.
    pub is_built: bool,
}

impl Wanted {
    /// What a frame asks for; `modules` are the repository's Go modules with their folders.
    pub(super) fn of(frame: &Frame, modules: &[(String, String)]) -> Self {
        let file = frame.file.replace('\\', "/");
        // Deterministic builds of .NET have `/_/` for the repository's root.
        let (file, of_build) = file.strip_prefix("/_/").map_or((file.as_str(), false), |rest| (rest, true));
        let file = without_drive(file);
        let is_absolute = file.starts_with('/');
        let is_path = !file.starts_with(['<', '[']) && !file.contains(['\n', '\0']);
        let (path, is_whole) = match (class_path(frame), module_path(file, modules)) {
            _ if !is_path => (String::new(), false),
            (Some(path), _) => (path, false),
            (None, Some(path)) => (path, true),
            (None, None) => (file.to_owned(), of_build || !is_absolute),
        };
        let segments: Vec<String> =
            path.split('/').filter(|part| !matches!(*part, "" | "." | "..")).map(str::to_owned).collect();
        let is_built = is_built(&segments);
        Self { segments, is_relative: is_whole, is_built }
    }

    /// How many segments a path shares, from the end.
    pub(super) fn shared(&self, path: &str) -> usize {
        path.rsplit('/').zip(self.segments.iter().rev()).take_while(|(one, other)| one == other).count()
    }

    /// Whether it is just this path.
    pub(super) fn is_whole(&self, path: &str) -> bool {
        self.segments.len() == path.split('/').count() && self.shared(path) == self.segments.len()
    }

    /// Whether it is this path below a root of containers.
    pub(super) fn is_without_container_root(&self, path: &str) -> bool {
        let length = path.split('/').count();
        let Some(root) = self.segments.len().checked_sub(length) else { return false };
        !self.is_relative
            && self.shared(path) == length
            && CONTAINER_ROOTS.iter().any(|known| {
                known.len() == root
                    && known.iter().zip(&self.segments).all(|(part, segment)| *part == "*" || part == segment)
            })
    }

    /// What stands before the shared end, here and in a path of the repository.
    pub(super) fn roots(&self, path: &str) -> (Vec<String>, String) {
        let shared = self.shared(path);
        let parts: Vec<_> = path.split('/').collect();
        (self.segments[..self.segments.len() - shared].to_vec(), parts[..parts.len() - shared].join("/"))
    }

    /// The path in the repository if the first root is the second one there.
    pub(super) fn below(&self, (stack_root, source_root): &(Vec<String>, String)) -> Option<String> {
        let rest = self.segments.strip_prefix(stack_root.as_slice())?.join("/");
        Some(if source_root.is_empty() { rest } else { format!("{source_root}/{rest}") })
    }
}

/// `C:/build/x.cs` without its drive.
fn without_drive(file: &str) -> &str {
    match file.as_bytes() {
        [drive, b':', b'/', ..] if drive.is_ascii_alphabetic() => &file[2..],
        _ => file,
    }
}

/// The JVM names a file without folders; its package, which the function begins with, has them: `com.shop.Cart$Line.total` in
/// `Cart.java` is `com/shop/Cart.java`.
fn class_path(frame: &Frame) -> Option<String> {
    let is_jvm = JVM.iter().any(|ending| frame.file.ends_with(ending)) && !frame.file.contains(['/', '\\']);
    let (class, _method) = frame.function.rsplit_once('.').filter(|_| is_jvm)?;
    let (package, _class) = class.split('$').next()?.trim_end_matches('.').rsplit_once('.')?;
    Some(format!("{}/{}", package.replace('.', "/"), frame.file))
}

/// Builds with `-trimpath` name files below their module: `github.com/acme/shop/cart/cart.go`, also as `…/shop@v1.2.3/cart/cart.go`.
fn module_path(file: &str, modules: &[(String, String)]) -> Option<String> {
    modules.iter().find_map(|(name, folder)| {
        let rest = file.strip_prefix(name.as_str())?;
        let rest = match rest.strip_prefix('@') {
            Some(version) => version.split_once('/')?.1,
            None => rest.strip_prefix('/')?,
        };
        Some(if folder.is_empty() { rest.to_owned() } else { format!("{folder}/{rest}") })
    })
}

/// Whether a script is a build's: by its folder, or by the hash or `.min` in its name.
fn is_built(segments: &[String]) -> bool {
    let Some((name, folders)) = segments.split_last() else { return false };
    if !SCRIPTS.iter().any(|ending| name.ends_with(ending)) {
        return false;
    }
    let is_hash = |part: &str| {
        part.len() >= 6
            && part.bytes().all(|b| b.is_ascii_hexdigit())
            && part.bytes().any(|b| b.is_ascii_digit())
    };
    folders.iter().any(|folder| BUILT.contains(&folder.as_str()))
        || name.contains(".min.")
        || name.split(['.', '-']).skip(1).any(is_hash)
}
