//! Paths, routes and addresses: what of them stays.

use super::shapes;
use super::{Context, MASK, Scan};

impl<'a> Scan<'a> {
    /// A path goes, but for the name of a source file; a route of HTTP keeps its shape.
    pub(super) fn path(&mut self, path: &'a str) {
        if self.context.route {
            return self.route(path);
        }
        let body = path.trim_start_matches(['.', '~']);
        if body.trim_matches('/').is_empty() {
            return self.put(path);
        }
        let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
        self.mask();
        if shapes::is_source_file(name) {
            self.put("/");
            self.put(name);
        }
    }

    /// The target of a request, which has signs of its own: `/a/b?x=1&y=2`.
    pub(super) fn target(&mut self) {
        let rest = self.rest();
        let length = reach(rest.as_bytes());
        let target = rest[..length].trim_end_matches(['.', ':', '!', ';']);
        self.at += target.len();
        self.route(target);
    }

    /// The words of a path stay, its ids go, and so does its query.
    pub(super) fn route(&mut self, path: &'a str) {
        self.pay_space();
        let begin = self.out.len();
        let (path, query) =
            path.split_once(['?', '#']).map_or((path, None), |(path, query)| (path, Some(query)));
        for (number, segment) in path.split('/').enumerate() {
            if number > 0 {
                self.put("/");
            }
            if segment.is_empty() {
                continue;
            }
            let digits = segment.bytes().any(|b| b.is_ascii_digit()) || segment.contains(MASK);
            let version = segment.len() <= 3 && segment.starts_with('v');
            if digits && !version || shapes::uuid(segment.as_bytes()) {
                self.mask();
            } else {
                self.put(segment);
            }
        }
        if query.is_some() {
            self.put("?");
            self.mask();
        }
        if self.request == 1 {
            self.requested = begin..self.out.len();
        }
        self.context = Context::default();
    }

    /// The scheme of an address stays, its host goes; of a web address the path keeps its shape.
    pub(super) fn url(&mut self, scheme: &'a str) {
        let rest = self.rest();
        let length = reach(rest.as_bytes());
        let url = rest[..length].trim_end_matches(['.', ':', '!']);
        self.at += url.len();
        let after = &url[scheme.len() + 3..];
        self.put(&url[..scheme.len() + 3]);
        self.mask();
        if matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https" | "ws" | "wss") {
            let path = after.find(['/', '?', '#']).map_or("", |at| &after[at..]);
            if path.len() > 1 {
                self.route(path);
            }
        }
        let trail = &rest[url.len()..length];
        self.at += trail.len();
        self.put_signs(trail);
    }

    /// Masks the route of a request that was answered: no error tells it from others.
    pub(super) fn forget_route(&mut self) {
        let route = std::mem::take(&mut self.requested);
        if !route.is_empty() {
            if self.mask_end >= route.end {
                self.mask_end = self.mask_end + MASK.len() - route.len();
            }
            self.chunk_before = 0..0;
            self.out.replace_range(route, MASK);
        }
    }
}

/// The bytes of an address: up to white space, a quote or a closing bracket. A mask in it is part of it.
fn reach(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if bytes[at..].starts_with(MASK.as_bytes()) {
            at += MASK.len();
        } else if *byte <= b' ' || b"\"'`<>()]}|,;".contains(byte) {
            break;
        } else {
            at += 1;
        }
    }
    at
}
