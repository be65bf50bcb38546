//! One chunk: what stands between white space, brackets, quotes, commas and `=`.

use super::shapes::{self, Dotted};
use super::vocabulary::{COMMON, Meaning};
use super::words::{self, Key};
use super::{Context, MASK, Scan};

/// Signs that a chunk may begin or end with and that are no part of what it holds.
const LEADING: &[u8] = b"*#@!?^&%$:";
const TRAILING: &[u8] = b".:!?*^&-+#~%";

/// What bytes a chunk has, which tells what it can be: an or of the classes of its bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Has(u8);

impl Has {
    const DIGIT: u8 = 1;
    const DOT: u8 = 1 << 1;
    const SLASH: u8 = 1 << 2;
    const BACKSLASH: u8 = 1 << 3;
    const COLON: u8 = 1 << 4;
    const AT: u8 = 1 << 5;
    /// It may end the chunk, by what stands beside it.
    const PERHAPS: u8 = 1 << 6;
    /// It ends the chunk.
    const END: u8 = 1 << 7;

    const CLASSES: [u8; 256] = {
        let mut classes = [0; 256];
        let mut byte = 0_u8;
        loop {
            classes[byte as usize] = match byte {
                b'0'..=b'9' => Self::DIGIT,
                b'.' => Self::DOT,
                b'/' => Self::SLASH,
                b'\\' => Self::BACKSLASH,
                b':' => Self::COLON,
                b'@' => Self::AT,
                b'\'' | b'<' => Self::PERHAPS,
                0..=b' '
                | 0x7f
                | b'"'
                | b'`'
                | b'('
                | b')'
                | b'['
                | b']'
                | b'{'
                | b'}'
                | b'>'
                | b','
                | b';'
                | b'|'
                | b'=' => Self::END,
                _ => 0,
            };
            if byte == u8::MAX {
                break classes;
            }
            byte += 1;
        }
    };

    fn class(byte: u8) -> u8 {
        Self::CLASSES[usize::from(byte)]
    }

    pub(super) fn of(part: &str) -> Self {
        Self(part.bytes().fold(0, |has, byte| has | Self::class(byte)) & !(Self::PERHAPS | Self::END))
    }

    pub(super) fn digit(self) -> bool {
        self.0 & Self::DIGIT != 0
    }

    fn any(self, classes: u8) -> bool {
        self.0 & classes != 0
    }

    /// Whether all of the classes occur.
    fn all(self, classes: u8) -> bool {
        self.0 & classes == classes
    }
}

impl<'a> Scan<'a> {
    /// Reads the chunk that begins here.
    pub(super) fn chunk(&mut self) {
        if self.context.route && self.peek(0) == b'/' {
            return self.target();
        }
        let (length, has) = self.measure();
        let whole = &self.text[self.at..self.at + length];
        let bytes = whole.as_bytes();
        let is_letter = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphabetic);
        if has == Has::default()
            && self.context == (Context { codes: self.context.codes, ..Context::default() })
            && is_letter(bytes.first())
            && is_letter(bytes.last())
        {
            // Most chunks are plain words, and most of them follow nothing that says what they are.
            self.at += length;
            return self.word(whole, "");
        }
        let address = has.any(Has::COLON) && bytes.starts_with(b"::") && shapes::ipv6(whole);
        let begins_plainly = address || bytes[0].is_ascii_alphanumeric();
        let mut lead =
            if begins_plainly { 0 } else { bytes.iter().take_while(|b| LEADING.contains(b)).count() };
        while !begins_plainly
            && lead < bytes.len()
            && b"-+.~".contains(&bytes[lead])
            && !is_signed(&bytes[lead..])
        {
            lead += 1;
        }
        let mut end = bytes.len();
        while end > lead && TRAILING.contains(&bytes[end - 1]) {
            end -= 1;
        }
        let (out, space, masked) = (self.out.len(), self.space, self.mask_end);
        self.put_signs(&whole[..lead]);
        let core = &whole[lead..end];
        let trail = &whole[end..];
        self.at += length;
        if !core.is_empty() {
            self.core(core, has, trail, lead);
        }
        let trail = if core.bytes().next_back().is_some_and(|b| b.is_ascii_digit()) {
            trail.trim_start_matches('%')
        } else {
            trail
        };
        self.put_signs(trail);
        if self.mask_end > masked.max(out) {
            self.shorten_list(out, space);
        }
        if let Some(after) = trail.strip_prefix(':')
            && !core.is_empty()
        {
            self.context.key = after.is_empty().then(|| Key::of(words::last_word(core)));
            self.context.tight = false;
        } else if trail.starts_with(['.', '!', '?']) {
            self.context = Context::default();
        }
    }

    /// Takes back a chunk that reads like the one before it: `blk_<*> blk_<*>` is a list of any length.
    fn shorten_list(&mut self, out: usize, space: bool) {
        // Where the chunk went on with a list, its space is gone.
        let begin = out + usize::from(space && self.out.as_bytes().get(out) == Some(&b' '));
        let this = self.out.get(begin..).unwrap_or_default();
        let before = self.chunk_before.clone();
        // What was there may have been taken back since.
        let former = self.out.get(before.clone()).filter(|former| former.contains(MASK));
        let parted = matches!(self.out.get(before.end..begin), Some(" " | ", " | ","));
        if parted && former == Some(this) {
            self.out.truncate(before.end);
            self.mask_end -= begin - before.start;
        } else if parted && former.is_some() && self.depth > 0 && !this.contains('=') {
            // A list in brackets of things whose names differ too: `[cart-<*>, mail-<*>]`.
            self.out.truncate(before.start);
            self.out.push_str(MASK);
            self.mask_end = self.out.len();
            self.chunk_before = before.start..self.mask_end;
        } else {
            self.chunk_before = begin..self.out.len();
        }
    }

    pub(super) fn put_signs(&mut self, signs: &str) {
        if !signs.is_empty() {
            self.put(signs);
        }
    }

    /// The bytes of the chunk and what it holds.
    fn measure(&self) -> (usize, Has) {
        let bytes = &self.text.as_bytes()[self.at..];
        let (mut has, mut at) = (0, 0);
        while let Some(&byte) = bytes.get(at) {
            let class = Has::class(byte);
            if class < Has::PERHAPS {
                has |= class;
                at += 1;
            } else if byte == b'<' && bytes[at..].starts_with(MASK.as_bytes()) {
                // A mask that stands already, as in `/orders/<*>/items`, is a value like a number.
                has |= Has::DIGIT;
                at += MASK.len();
            } else if byte == b'\'' && is_apostrophe(bytes, at) {
                at += 1;
            } else {
                break;
            }
        }
        (at, Has(has))
    }

    fn core(&mut self, core: &'a str, has: Has, trail: &str, lead: usize) {
        if has.digit() && self.context.codes == 0 && !self.context.answered && is_number(core) {
            // Numbers, times, dates, IPv4 addresses with ports: nothing in them stays, whatever they are.
            self.mask();
            if trail.is_empty() && !has.any(Has::COLON | Has::SLASH) {
                self.unit();
            }
            return;
        }
        if self.is_whole_value(core, has, trail) {
            self.enclosed();
            return self.mask();
        }
        if self.context.name && !Meaning::of(core).is(COMMON) {
            self.last = Meaning::default();
            return self.mask();
        }
        if has == Has::default() {
            return self.word(core, trail);
        }
        if has.all(Has::COLON | Has::SLASH)
            && let Some(scheme) = shapes::scheme(core)
        {
            self.at = self.at - trail.len() - core.len();
            return self.url(scheme);
        }
        if has.any(Has::SLASH) && core.starts_with("HTTP/") {
            self.request = if self.request == 1 { 2 } else { self.request };
            self.put(core);
            self.context = Context { codes: 1, ..Context::default() };
            return;
        }
        let bytes = core.as_bytes();
        if (has.any(Has::AT) && shapes::is_email(core))
            || (has.any(Has::COLON) && (shapes::mac(bytes) || shapes::ipv6(core)))
        {
            return self.mask();
        }
        if has.digit() && shapes::is_random(core) {
            // The padding of base64 is no sign of a key.
            self.at += self.rest().bytes().take_while(|b| *b == b'=').count();
            return self.mask();
        }
        let drive = has.any(Has::COLON)
            && bytes.len() > 2
            && bytes[0].is_ascii_alphabetic()
            && bytes[1] == b':'
            && b"\\/".contains(&bytes[2]);
        if drive || !has.any(Has::COLON) {
            return self.part(core, has, trail, lead);
        }
        for (number, part) in core.split(':').enumerate() {
            if number > 0 {
                self.put(":");
            }
            if !part.is_empty() {
                if number > 0 && self.is_whole_value(part, Has::of(part), trail) {
                    self.mask();
                } else {
                    self.part(part, Has::of(part), trail, lead);
                }
                if self.context.key.is_none() && part.as_bytes()[0].is_ascii_alphabetic() {
                    self.context.key = Some(Key::of(words::last_word(part)));
                    self.context.tight = true;
                }
            }
        }
    }

    /// Reads one part of a chunk, in which no colon is left.
    fn part(&mut self, part: &'a str, has: Has, trail: &str, lead: usize) {
        let first = self.out.len() <= lead;
        if part.starts_with(['/', '~'])
            || part.starts_with("./")
            || part.starts_with("../")
            || (has.any(Has::BACKSLASH) && part.matches('\\').count() >= 2)
            || (part.len() > 2 && part.as_bytes()[1] == b':')
        {
            return self.path(part);
        }
        if has.any(Has::DOT) {
            let end = part.bytes().position(|b| matches!(b, b'/' | b'@')).unwrap_or(part.len());
            let name = &part[..end];
            match shapes::dotted(name) {
                Dotted::Host => return self.mask(),
                Dotted::Package if words::is_exception(name) || name.contains(".errors.") => {
                    return self.put_word(part);
                }
                Dotted::Package if !first => return self.mask(),
                _ => {}
            }
        }
        if has.digit() {
            return self.segments(part, trail);
        }
        if has.any(Has::SLASH) && part.matches('/').count() >= 2 && !self.context.route {
            return self.path(part);
        }
        if has.any(Has::SLASH | Has::DOT | Has::AT | Has::BACKSLASH) {
            return self.put_word(part);
        }
        self.word(part, trail);
    }
}

/// Whether a chunk has digits and the signs of numbers, times and addresses alone, and begins and ends with a digit.
fn is_number(core: &str) -> bool {
    let bytes = core.as_bytes();
    bytes[0].is_ascii_digit()
        && bytes[bytes.len() - 1].is_ascii_digit()
        && bytes.iter().all(|b| matches!(b, b'0'..=b'9' | b'.' | b':' | b'/' | b'-'))
}

/// Whether a quote stands between letters, as in `don't`.
fn is_apostrophe(bytes: &[u8], at: usize) -> bool {
    let is_letter = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphabetic);
    is_letter(at.checked_sub(1)) && is_letter(Some(at + 1))
}

/// Whether a sign belongs to a number or a path: `-1`, `+5`, `.5`, `./x`, `~/x`.
fn is_signed(bytes: &[u8]) -> bool {
    matches!(bytes, [b'-' | b'+' | b'.', b'0'..=b'9', ..] | [b'.' | b'~', b'/', ..] | [b'.', b'.', b'/', ..])
}
