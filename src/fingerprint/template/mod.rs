//! Message templates: a message with what varies masked, such as `user <num> has no cart`.
//!
//! A template is part of the fingerprint and is shown to people. So what distinguishes errors stays: words,
//! exceptions' names, HTTP statuses, errno names, SQLSTATEs; and what varies from one occurrence to the next goes:
//! numbers, ids, addresses, times, paths, quoted values.

mod shapes;
mod words;

use self::words::Word;

/// How much of a message is read, in bytes. More than the template's bound, since values shrink when masked: a
/// cut of the message itself would fall into another word for each occurrence.
const MESSAGE_BYTES_MAX: usize = 8 * 1024;
/// How long a template gets, in bytes.
const TEMPLATE_BYTES_MAX: usize = 1000;
/// How long a quoted or assigned value may be, in bytes.
const VALUE_BYTES_MAX: usize = 256;

/// All that is ever put in place of a value. They stand for themselves when a template is read again.
const MASKS: [&str; 11] =
    ["<num>", "<hex>", "<uuid>", "<ip>", "<email>", "<host>", "<query>", "<time>", "<str>", "<path>", "<id>"];

/// The message with what varies masked: one line, at most 1,000 bytes, without control characters.
#[must_use]
pub fn template(text: &[u8]) -> String {
    let text = clean(&String::from_utf8_lossy(&text[..text.len().min(MESSAGE_BYTES_MAX)]));
    let mut scan = Scan::new(&text);
    while !scan.is_done() {
        scan.step();
    }
    scan.out.truncate(scan.out.trim_end().len());
    scan.out
}

/// Collapses white space, drops control characters and the sequences that colour terminals.
fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' && chars.next_if_eq(&'[').is_some() {
            while chars.next_if(|c| matches!(c, ' '..='?')).is_some() {}
            chars.next_if(|c| matches!(c, '@'..='~'));
        } else if c.is_whitespace() {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
        } else if !c.is_control() {
            out.push(c);
        }
    }
    out
}

/// The mask of a value that is of one kind from end to end.
fn whole(value: &str) -> &'static str {
    let shape = shapes::value(value).or_else(|| Some((shapes::number(value)?, "<num>")));
    shape.filter(|(bytes, _)| *bytes == value.len()).map_or("<str>", |(_, mask)| mask)
}

/// The pass over a cleaned message.
struct Scan<'a> {
    text: &'a str,
    at: usize,
    out: String,
    full: bool,
    /// How many of the next numbers stay, since the word before them was such as `status`.
    codes: u8,
    /// Whether a path that comes next is a route of HTTP, since the word before it was such as `GET`.
    route: bool,
    /// Whether an address is being read, whose query goes as a whole.
    url: bool,
    /// The quote that closes a quoted sentence, while in one.
    sentence: Option<char>,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            out: String::with_capacity(text.len().min(TEMPLATE_BYTES_MAX)),
            full: false,
            codes: 0,
            route: false,
            url: false,
            sentence: None,
        }
    }

    fn is_done(&self) -> bool {
        self.full || self.at >= self.text.len()
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn before(&self) -> Option<char> {
        self.text[..self.at].chars().next_back()
    }

    /// Reads one value, word or sign. Each kind says how much of the text it took.
    fn step(&mut self) {
        let at_start = !self.before().is_some_and(char::is_alphanumeric);
        let taken = self.standing_mask()
            || self.quoted()
            || (at_start && (self.assigned() || self.value() || self.address() || self.path()))
            || self.query()
            || (at_start && self.number())
            || self.word();
        if !taken {
            self.sign();
        }
    }

    /// Appends as much of the text as `piece` shows, which stands for the next `bytes`.
    fn put(&mut self, bytes: usize, piece: &str) -> bool {
        self.at += bytes;
        if self.out.len() + piece.len() <= TEMPLATE_BYTES_MAX {
            self.out.push_str(piece);
        } else {
            let room = if self.out.is_empty() { piece.floor_char_boundary(TEMPLATE_BYTES_MAX) } else { 0 };
            self.out.push_str(&piece[..room]);
            self.full = true;
        }
        true
    }

    /// Appends a mask; a list of values of one kind shows it once, however long it is.
    fn mask(&mut self, bytes: usize, mask: &str) -> bool {
        (self.codes, self.route) = (0, false);
        let list = self.out.trim_end_matches(' ').strip_suffix(',').is_some_and(|out| out.ends_with(mask));
        if list {
            self.at += bytes;
            self.out.truncate(self.out.trim_end_matches([' ', ',']).len());
            return true;
        }
        self.put(bytes, mask)
    }

    fn standing_mask(&mut self) -> bool {
        match MASKS.iter().find(|mask| self.rest().starts_with(**mask)) {
            Some(mask) => self.mask(mask.len(), mask),
            None => false,
        }
    }

    /// A quoted value is masked. A key of JSON stays, and so does a sentence, which is read on like the rest.
    fn quoted(&mut self) -> bool {
        let Some(quote) = self.rest().chars().next().filter(|c| matches!(c, '"' | '\'' | '`')) else {
            return false;
        };
        if self.sentence == Some(quote) {
            self.sentence = None;
            return self.put(1, &self.text[self.at..=self.at]);
        }
        let Some(content) = self.before_closing(quote) else { return false };
        let bytes = content.len() + 2;
        let whole = &self.rest()[..bytes];
        if self.rest()[bytes..].trim_start().starts_with(':') && words::is_key(content) {
            self.codes = words::codes_after(content);
            self.route = words::precedes_route(content);
            return self.put(bytes, whole);
        }
        if self.sentence.is_none() && (content.matches(' ').count() >= 2 || self.after_telling_key()) {
            self.sentence = Some(quote);
            return self.put(1, &whole[..1]);
        }
        self.mask(bytes, "<str>")
    }

    /// What stands between a quote that opens here and the one that closes it. An apostrophe opens nothing.
    fn before_closing(&self, quote: char) -> Option<&'a str> {
        if self.before().is_some_and(char::is_alphanumeric) {
            return None;
        }
        let inside = &self.rest()[1..];
        let inside = &inside[..inside.floor_char_boundary(VALUE_BYTES_MAX)];
        let mut escaped = false;
        let end = inside.char_indices().find_map(|(at, c)| {
            let closes = c == quote && !escaped && !inside[at + 1..].starts_with(char::is_alphanumeric);
            escaped = c == '\\' && !escaped;
            closes.then_some(at)
        })?;
        (end > 0).then(|| &inside[..end])
    }

    /// Whether the value that comes next is of a key such as `msg`, whose value is the message itself.
    fn after_telling_key(&self) -> bool {
        let key = self.out.trim_end_matches([' ', '=', ':', '"', '\'']);
        key.len() < self.out.len() && words::is_telling_key(words::last_word(key))
    }

    /// The value of `key=value` goes as a whole where it has a digit or its key says that it is somebody's name,
    /// unless it is of one kind and shows that.
    fn assigned(&mut self) -> bool {
        let key = self.text[..self.at].strip_suffix('=').map(words::last_word).unwrap_or_default();
        if key.is_empty() || self.codes > 0 || self.route {
            return false;
        }
        let ends = |c: char| c.is_whitespace() || ",;&|)]}\"'`".contains(c);
        let window = &self.rest()[..self.rest().floor_char_boundary(VALUE_BYTES_MAX)];
        let value = window.split(ends).next().unwrap_or_default();
        if value.is_empty() || value.starts_with('<') || value.contains("://") {
            return false;
        }
        if words::is_naming_key(key) {
            return self.mask(value.len(), "<str>");
        }
        value.bytes().any(|b| b.is_ascii_digit()) && self.mask(value.len(), whole(value))
    }

    /// A time, UUID, address, key or other value that its shape tells.
    fn value(&mut self) -> bool {
        let shape = shapes::value(self.rest()).or_else(|| self.token());
        match shape {
            Some((bytes, mask)) => self.mask(bytes, mask),
            None => false,
        }
    }

    /// A token is looked for where its run begins only, so that no run is read twice.
    fn token(&self) -> Option<(usize, &'static str)> {
        let begins = !self.before().is_some_and(shapes::is_of_token);
        begins.then(|| shapes::token(self.rest())).flatten().map(|bytes| (bytes, "<id>"))
    }

    /// The scheme of an address stays, its host goes; its path is read on like the rest.
    fn address(&mut self) -> bool {
        let Some((scheme, host)) = shapes::scheme_and_host(self.rest()) else { return false };
        self.url = true;
        let bytes = scheme.len() + 3 + host.len();
        self.put(bytes, &format!("{scheme}://<host>"))
    }

    fn query(&mut self) -> bool {
        if !(self.url && self.rest().starts_with(['?', '#'])) {
            return false;
        }
        let bytes = self
            .rest()
            .find(|c: char| c.is_whitespace() || "\"'`<>)]}".contains(c))
            .unwrap_or(self.rest().len());
        self.url = false;
        bytes > 1 && self.put(bytes, &format!("{}<query>", &self.rest()[..1]))
    }

    /// An absolute path goes, but for the name of a source file; a route of HTTP is read on like the rest.
    fn path(&mut self) -> bool {
        if self.route || self.before().is_some_and(|c| matches!(c, '/' | '>' | '.' | '_' | '-')) {
            return false;
        }
        let Some(path) = shapes::path(self.rest()) else { return false };
        let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
        if words::is_source_file(name) {
            self.put(path.len(), &format!("<path>/{name}"))
        } else {
            self.mask(path.len(), "<path>")
        }
    }

    fn number(&mut self) -> bool {
        let signed = self.before().is_none_or(|c| matches!(c, ' ' | '(' | '[' | ',' | ':' | '=' | '_'));
        let sign = usize::from(signed && self.rest().starts_with(['-', '+']));
        let Some(length) = shapes::number(&self.rest()[sign..]) else { return false };
        let number = &self.rest()[..sign + length];
        if self.codes > 0 && words::is_code(number) {
            self.codes -= 1;
            return self.put(number.len(), number);
        }
        self.mask(number.len(), "<num>")
    }

    fn word(&mut self) -> bool {
        let rest = self.rest();
        let bytes = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
        let word = &rest[..bytes];
        if bytes == 0 {
            return false;
        }
        let read = words::read(word, &rest[bytes..], self.codes > 0);
        if !words::is_filler(word) {
            self.codes = 0;
        }
        self.codes = self.codes.max(words::codes_after(word));
        self.route = words::precedes_route(word);
        match read {
            Word::Mask(mask) => self.mask(bytes, mask),
            Word::Kept(more) => self.put(bytes + more, &rest[..bytes + more]),
            Word::Numbered(piece) => self.put(bytes, &piece),
        }
    }

    fn sign(&mut self) {
        let Some(c) = self.rest().chars().next() else { return };
        if c == ' ' {
            self.url = false;
        }
        if matches!(c, ',' | ';' | '.') {
            (self.codes, self.route) = (0, false);
        }
        self.put(c.len_utf8(), c.encode_utf8(&mut [0; 4]));
    }
}

#[cfg(test)]
mod tests;
