//! Message templates: a message with what varies masked, such as `user <*> has no cart`.
//!
//! A template is part of the fingerprint and is shown to people. So what distinguishes errors stays: words, exceptions'
//! names, HTTP statuses, errno names, SQLSTATEs; and what varies from one occurrence to the next goes: numbers with their
//! units, ids, addresses, times, paths, quoted and assigned values, lists of them.
//!
//! One pass over the bytes, left to right, which looks ahead by bounded steps only. The text falls into *chunks* (what stands
//! between white space, brackets, quotes, commas and `=`); `chunk.rs` reads one, `words.rs` is the vocabulary.

mod chunk;
mod paths;
mod prose;
mod shapes;
mod values;
mod vocabulary;
mod words;

use std::borrow::Cow;

use crate::model::MASK;

use self::vocabulary::{ANSWERED, CODE_KEY, METHOD, Meaning, ROUTE_KEY};
use self::words::Key;
pub(crate) use self::words::{distinguishes, is_class};

/// How much of a message is read, in bytes. More than the template's bound, since values shrink when masked: a
/// cut of the message itself would fall into another word for each occurrence.
const MESSAGE_BYTES_MAX: usize = 8 * 1024;
/// How long a template gets, in bytes.
const TEMPLATE_BYTES_MAX: usize = 1000;
/// How long a quoted value may be, in bytes.
const QUOTED_BYTES_MAX: usize = 256;

/// The message with what varies masked: one line, at most 1,000 bytes, without control characters.
#[must_use]
pub fn template(text: &[u8]) -> String {
    of_text(&String::from_utf8_lossy(&text[..text.len().min(MESSAGE_BYTES_MAX)]))
}

/// As [`template`], of a text that is UTF-8.
pub(super) fn of_text(text: &str) -> String {
    let text = without_controls(&text[..text.floor_char_boundary(MESSAGE_BYTES_MAX)]);
    let mut scan = Scan::new(&text);
    while !scan.is_done() {
        scan.step();
    }
    scan.finish()
}

/// Drops what terminals act on: the sequences that colour them (ECMA-48, CSI), and control characters beyond ASCII. Plain
/// text, which most is, stays as it is.
fn without_controls(text: &str) -> Cow<'_, str> {
    if text.is_ascii() && !text.contains('\u{1b}') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' && chars.next_if_eq(&'[').is_some() {
            while chars.next_if(|c| matches!(c, ' '..='?')).is_some() {}
            chars.next_if(|c| matches!(c, '@'..='~'));
        } else if c.is_whitespace() {
            out.push(' ');
        } else if !c.is_control() {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// What the words before tell of the numbers and paths that come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four facts of the words before, each asked on its own")]
struct Context {
    /// How many of the next numbers stay, since the word before them was such as `status`.
    codes: u8,
    /// Whether a status of HTTP that comes next stays, since the word before it was such as `answered`.
    answered: bool,
    /// Whether a path that comes next is a route of HTTP, since the word before it was such as `GET`.
    route: bool,
    /// What the key of the value that comes next asks for; none where no key stands before it.
    key: Option<Key>,
    /// Whether it stands right at its key, as in `key=value`.
    tight: bool,
    /// Whether the next word names somebody, since the words before it were such as `for user`.
    name: bool,
}

impl Context {
    /// What a word says of what comes next.
    fn after(word: &str, meaning: Meaning) -> Self {
        let method = meaning.is(METHOD) && word.bytes().all(|b| b.is_ascii_uppercase());
        Self {
            answered: meaning.is(ANSWERED),
            codes: u8::from(meaning.is(CODE_KEY)),
            route: method || meaning.is(ROUTE_KEY),
            ..Self::default()
        }
    }
}

/// The pass over a message.
struct Scan<'a> {
    text: &'a str,
    at: usize,
    out: String,
    full: bool,
    /// Where the last mask ends in `out`; 0 where there is none yet.
    mask_end: usize,
    /// Whether a space is due before what comes next.
    space: bool,
    /// How many brackets are open.
    depth: u32,
    context: Context,
    /// The quote that closes a quoted sentence, while in one.
    sentence: Option<u8>,
    /// Quotes of each kind that have no partner within reach before this place, so that none is looked for twice.
    unquoted_until: [usize; 3],
    /// Whether a request line such as `GET /x HTTP/1.1` was read: its status follows.
    request: u8,
    /// The route of that request line in `out`.
    requested: std::ops::Range<usize>,
    /// The chunk before, in `out`.
    chunk_before: std::ops::Range<usize>,
    /// The last word in lower case, bounded, for what follows it.
    last: Meaning,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            out: String::with_capacity(text.len().min(TEMPLATE_BYTES_MAX)),
            full: false,
            mask_end: 0,
            space: false,
            depth: 0,
            context: Context::default(),
            sentence: None,
            unquoted_until: [0; 3],
            request: 0,
            requested: 0..0,
            chunk_before: 0..0,
            last: Meaning::default(),
        }
    }

    fn is_done(&self) -> bool {
        self.full || self.at >= self.text.len()
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self, ahead: usize) -> u8 {
        self.text.as_bytes().get(self.at + ahead).copied().unwrap_or(b' ')
    }

    fn before(&self) -> u8 {
        self.at.checked_sub(1).map_or(b' ', |at| self.text.as_bytes()[at])
    }

    fn finish(mut self) -> String {
        let end = self.out.trim_end().len();
        self.out.truncate(end);
        self.out
    }

    /// Reads white space, a sign, a quoted value or a chunk.
    fn step(&mut self) {
        let byte = self.peek(0);
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {
                self.at += 1;
                self.space = !self.out.is_empty();
            }
            0..0x20 | 0x7f => self.at += 1,
            b'<' => self.angle(),
            b'"' | b'\'' | b'`' => self.quote(byte),
            b'(' | b'[' | b'{' => self.bracket(byte),
            b'=' => self.equals(),
            b',' | b';' => {
                self.context = Context::default();
                self.sign(byte);
            }
            b')' => self.close(),
            b']' | b'}' => {
                self.depth = self.depth.saturating_sub(1);
                self.sign(byte);
            }
            b'>' | b'|' => self.sign(byte),
            _ => self.chunk(),
        }
    }

    /// Appends text that stays.
    fn put(&mut self, piece: &str) {
        self.pay_space();
        if self.out.len() + piece.len() <= TEMPLATE_BYTES_MAX {
            self.out.push_str(piece);
        } else {
            let room = if self.out.is_empty() { piece.floor_char_boundary(TEMPLATE_BYTES_MAX) } else { 0 };
            self.out.push_str(&piece[..room]);
            self.full = true;
        }
    }

    fn pay_space(&mut self) {
        if std::mem::take(&mut self.space) && self.out.len() < TEMPLATE_BYTES_MAX {
            self.out.push(' ');
        }
    }

    fn sign(&mut self, byte: u8) {
        self.at += 1;
        self.put((byte as char).encode_utf8(&mut [0; 4]));
    }

    /// Appends the mask. A list of values shows it once, however long it is and whatever parts it.
    fn mask(&mut self) {
        self.context = Context::default();
        if self.mask_end > 0 {
            let between = &self.out[self.mask_end..];
            if shapes::parts_a_list(between, self.space) {
                self.space = false;
                self.out.truncate(self.mask_end);
                return;
            }
        }
        self.put(MASK);
        self.mask_end = self.out.len();
    }

    /// A mask that stands already, also of another spelling, or a sign.
    fn angle(&mut self) {
        match shapes::standing_mask(self.rest()) {
            Some(bytes) => {
                self.at += bytes;
                self.mask();
            }
            None if self.before() == b' ' && self.peek(1).is_ascii_digit() => self.at += 1,
            None => self.sign(b'<'),
        }
    }

    /// Brackets with nothing in them where a value would stand: `from 10.0.0.1 ()` is `from 10.0.0.1 (host)` without one.
    fn bracket(&mut self, open: u8) {
        let close = match open {
            b'(' => b')',
            b'[' => b']',
            _ => b'}',
        };
        let value_stands_here = self.space || matches!(self.before(), b'=' | b':');
        self.sign(open);
        self.depth += 1;
        if value_stands_here && self.peek(0) == close {
            self.mask();
        }
    }

    /// A value in parentheses right after a value says the same again: `1165 bytes (1.13 KB)`, `10.0.0.1 (db-1)`.
    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.sign(b')');
        if let Some(before) = self.out.strip_suffix("<*> (<*>)") {
            self.mask_end = before.len() + MASK.len();
            self.out.truncate(self.mask_end);
        }
    }

    /// The sign after a key; a value that is missing is masked like one that is there.
    fn equals(&mut self) {
        let name = words::last_word(self.out.trim_end());
        let meaning = Meaning::of(name);
        let key = (!name.is_empty()).then(|| Key::meant(meaning));
        self.context = Context { key, tight: true, ..Context::after(name, meaning) };
        self.sign(b'=');
        if key.is_some()
            && matches!(self.peek(0), b' ' | b',' | b';' | b')' | b']' | b'}')
            && !self.is_spaced_value()
        {
            self.mask();
        }
    }

    /// Whether the value comes after a space, as in `state = 6`.
    fn is_spaced_value(&self) -> bool {
        self.peek(0) == b' ' && (self.text.as_bytes()[..self.at - 1].last() == Some(&b' '))
    }

    /// A quoted value is masked. A key of JSON stays, and so does a sentence, which is read on like the rest.
    fn quote(&mut self, quote: u8) {
        if self.sentence == Some(quote) {
            self.sentence = None;
            self.context = Context { codes: u8::from(self.request == 2), ..Context::default() };
            return self.sign(quote);
        }
        let Some(content) = self.before_closing(quote) else { return self.sign(quote) };
        let after = self.at + content.len() + 2;
        let follows = self.text[after..].trim_start_matches(' ').as_bytes().first();
        if follows == Some(&b':') && words::is_key(content) {
            self.put(&self.text[self.at..after]);
            self.at = after;
            self.last = Meaning::of(content);
            self.context = Context {
                key: Some(Key::meant(self.last)),
                tight: true,
                ..Context::after(content, self.last)
            };
            return;
        }
        let key = self.context.key;
        let is_message = key == Some(Key::Telling)
            || (key != Some(Key::Naming) && self.request != 2 && words::is_sentence(content));
        if is_message && self.sentence.is_none() {
            self.sentence = Some(quote);
            return self.sign(quote);
        }
        if words::is_plain_value(content) || (self.context.codes > 0) {
            self.put(&self.text[self.at..after]);
        } else {
            self.put((quote as char).encode_utf8(&mut [0; 4]));
            self.mask();
            self.put((quote as char).encode_utf8(&mut [0; 4]));
        }
        self.at = after;
    }

    /// What stands between a quote that opens here and the one that closes it. An apostrophe opens nothing.
    fn before_closing(&mut self, quote: u8) -> Option<&'a str> {
        if self.before().is_ascii_alphanumeric() {
            return None;
        }
        let kind = match quote {
            b'"' => 0,
            b'\'' => 1,
            _ => 2,
        };
        if self.at < self.unquoted_until[kind] {
            return None;
        }
        let inside = &self.text[self.at + 1..];
        let inside = &inside[..inside.floor_char_boundary(QUOTED_BYTES_MAX)];
        let bytes = inside.as_bytes();
        let mut escaped = false;
        let end = bytes.iter().enumerate().position(|(at, byte)| {
            let closes =
                *byte == quote && !escaped && !bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric);
            escaped = *byte == b'\\' && !escaped;
            closes
        });
        if end.is_none() {
            self.unquoted_until[kind] = self.at + inside.len();
        }
        end.map(|end| &inside[..end])
    }
}

#[cfg(test)]
mod tests;
