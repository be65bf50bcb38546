//! Values: of keys, and chunks with digits.

use super::Scan;
use super::chunk::Has;
use super::shapes;
use super::vocabulary::{ACCOUNT, COMMON, CURRENCY, FIXED, MONTH, Meaning, UNIT};
use super::words::{self, Key, Word};

impl<'a> Scan<'a> {
    /// A part with digits: its words stay, its numbers and ids go.
    pub(super) fn segments(&mut self, part: &'a str, trail: &str) {
        let bytes = part.as_bytes();
        if self.context.codes > 0 && words::is_code(part) {
            let grave = self.request != 2 || part.parse().is_ok_and(|status: u32| status >= 500);
            self.context.codes -= 1;
            let context = self.context;
            if grave {
                self.put(part);
            } else {
                self.mask();
            }
            self.context = context;
            if !grave {
                self.forget_route();
            }
            return;
        }
        if self.context.answered && trail != "%" && words::is_failed_status(part) {
            return self.put_word(part);
        }
        if bytes[0].is_ascii_uppercase() && words::is_error_code(part) {
            return self.put_word(part);
        }
        let is_number = bytes.iter().all(|b| b.is_ascii_digit() || b".,+-".contains(b));
        let mut at = 0;
        while at < bytes.len() {
            if let Some(value) = shapes::value(&bytes[at..]) {
                self.mask();
                at += value;
                continue;
            }
            let length = bytes[at..].iter().take_while(|b| b.is_ascii_alphanumeric() || **b >= 0x80).count();
            if length == 0 {
                let signed = b"+-".contains(&bytes[at])
                    && (at == 0 || bytes[at - 1] == b'_')
                    && bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
                if !signed {
                    self.put(&part[at..=at]);
                }
                at += 1;
                continue;
            }
            let segment = &part[at..at + length];
            match words::read(segment) {
                Word::Value => self.mask(),
                Word::Kept if self.is_absorbed(segment, at + length == bytes.len()) => self.mask(),
                Word::Kept => self.put(segment),
                Word::Numbered(letters) => {
                    self.put(&segment[..letters]);
                    self.mask_glued();
                }
            }
            at += length;
        }
        if is_number && trail.is_empty() {
            self.unit();
        } else {
            self.last = Meaning::default();
        }
    }

    /// Whether a short word between values is part of them: `_m_` of an id, `T` of a time, the random end of a pod's name.
    pub(super) fn is_absorbed(&self, segment: &str, ends: bool) -> bool {
        let after_mask = self.mask_end > 0
            && self.out.len() - self.mask_end <= 1
            && !self.space
            && self.out.len() > self.mask_end;
        after_mask
            && (segment.len() == 1
                || (ends && shapes::is_pod_suffix(segment))
                || Meaning::of(segment).is(MONTH))
    }

    /// A mask right after the letters of its word.
    pub(super) fn mask_glued(&mut self) {
        self.mask_end = 0;
        self.mask();
    }

    /// The unit of a number that stands after a space goes with it.
    pub(super) fn unit(&mut self) {
        let Some(after) = self.rest().strip_prefix(' ') else { return };
        let length = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let ends = !after
            .as_bytes()
            .get(length)
            .is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_' || *b == b'=');
        let meaning = Meaning::of(&after[..length]);
        if ends && (meaning.is(UNIT) || meaning.is(CURRENCY)) {
            self.at += 1 + length;
        }
    }

    /// Whether the value of a key goes as a whole: it has a digit, is missing, or its key says that it is somebody's name.
    pub(super) fn is_whole_value(&self, core: &str, has: Has, trail: &str) -> bool {
        let Some(key) = self.context.key else { return false };
        if self.context.codes > 0 || self.context.route || core.contains("://") {
            return false;
        }
        if words::is_missing(core) && self.context.tight && key != Key::Telling {
            return true;
        }
        match key {
            Key::Telling => false,
            Key::Naming | Key::Person => {
                let meaning = Meaning::of(core);
                let stays = meaning.is(FIXED) || (key == Key::Person && meaning.is(ACCOUNT));
                !stays && (self.context.tight || !(meaning.is(COMMON) || trail.starts_with(':')))
            }
            Key::Other => {
                self.context.tight && (has.digit() || self.is_constructed()) && !words::is_exception(core)
            }
        }
    }

    /// Whether a value is written as `Name{…}` with something short and flat inside.
    pub(super) fn is_constructed(&self) -> bool {
        self.enclosed_bytes().is_some()
    }

    pub(super) fn enclosed_bytes(&self) -> Option<usize> {
        let bytes = self.rest().as_bytes();
        // The chunk itself was not taken yet where this is asked before it.
        let close = match bytes.first()? {
            b'{' => b'}',
            b'(' => b')',
            b'[' => b']',
            _ => return None,
        };
        let inside = &bytes[1..bytes.len().min(128)];
        let end = inside.iter().position(|b| *b == close)?;
        let flat = !inside[..end].iter().any(|b| b"={([\"'".contains(b));
        flat.then_some(end + 2)
    }

    /// Skips what a constructed value encloses.
    pub(super) fn enclosed(&mut self) {
        if let Some(bytes) = self.enclosed_bytes()
            && self.context.tight
        {
            self.at += bytes;
        }
    }
}
