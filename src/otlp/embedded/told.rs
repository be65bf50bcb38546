//! What a body or attributes tell of a record, gathered under the names that [`names`] knows.

use std::borrow::Cow;

use super::names::{self, Part, Place, Scale};
use super::object::{Object, Text, Value, looks_like_json};
use crate::model::{Exception, LogRecord, SeverityNumber};

/// How many bytes of texts are gathered of an object that has no message.
const TEXTS_BYTES_MAX: usize = 16 * 1024;

/// What loggers write where there is no error.
const NOTHING: [&[u8]; 9] = [b"<nil>", b"nil", b"null", b"none", b"undefined", b"false", b"true", b"0", b"-"];

/// What is told; of what is told twice the first that is not empty stands.
#[derive(Debug, Default)]
pub(super) struct Told<'a> {
    /// Present where a body was read, even if it has no message: then it is empty.
    message: Option<Text<'a>>,
    message_rank: u8,
    template: Text<'a>,
    severity: SeverityNumber,
    type_name: Text<'a>,
    error_message: Text<'a>,
    stacktrace: Text<'a>,
}

impl<'a> Told<'a> {
    /// What the body tells, where it is a map or JSON.
    pub(super) fn of_body(record: &LogRecord<'a>) -> Option<Self> {
        let told = if record.body_map.is_empty() {
            Self::of_json(record.body)?
        } else {
            Self::of_object(Object::Map(record.body_map))?
        };
        Some(told.unwrapped())
    }

    fn of_json(text: &'a [u8]) -> Option<Self> {
        if !looks_like_json(text) {
            return None;
        }
        match String::from_utf8_lossy(text) {
            Cow::Borrowed(text) => Self::of_object(Object::Json(text)),
            Cow::Owned(text) => Told::of_object(Object::Json(&text)).map(Told::into_owned),
        }
    }

    fn of_object(object: Object<'a>) -> Option<Self> {
        let mut told = Self { message_rank: u8::MAX, ..Self::default() };
        if !object.each(|key, value| told.take(key, value)) {
            return None;
        }
        if told.message.is_none() {
            let tells_error = !(told.error_message.is_empty() && told.stacktrace.is_empty());
            told.message = Some(if tells_error { Text::default() } else { texts(object) });
        }
        Some(told)
    }

    /// Where the message is JSON itself, as behind the wrappers of container runtimes, what that tells comes first. Once:
    /// no logger wraps twice.
    fn unwrapped(mut self) -> Self {
        let inner = match self.message.take() {
            Some(Cow::Borrowed(text)) => Told::of_json(text).ok_or(Cow::Borrowed(text)),
            Some(Cow::Owned(text)) => Told::of_json(&text).map(Told::into_owned).ok_or(Cow::Owned(text)),
            None => return self,
        };
        match inner {
            Ok(inner) => inner.or(self),
            Err(text) => Self { message: Some(text), ..self },
        }
    }

    /// This, and what another tells beyond it.
    fn or(mut self, other: Self) -> Self {
        self.message = self.message.or(other.message);
        fill(&mut self.template, other.template);
        fill(&mut self.type_name, other.type_name);
        fill(&mut self.error_message, other.error_message);
        fill(&mut self.stacktrace, other.stacktrace);
        if self.severity.is_unspecified() {
            self.severity = other.severity;
        }
        self
    }

    /// Takes in one attribute of a record: only what it may tell of an exception.
    pub(super) fn take_attribute(&mut self, key: &[u8], value: Value<'a>) {
        if let Some(place @ (Place::Error | Place::Part(_))) = names::place(key) {
            self.take_at(place, value);
        }
    }

    fn take(&mut self, key: &[u8], value: Value<'a>) {
        if let Some(place) = names::place(key) {
            self.take_at(place, value);
        }
    }

    fn take_at(&mut self, place: Place, value: Value<'a>) {
        match place {
            // `log` is an object in ECS, with the level, and the line itself in wrappers.
            Place::Message(_) if value.object().is_some() => self.take_level_of(value),
            Place::Message(rank) => self.take_message(rank, value),
            Place::Template => fill(&mut self.template, value.text().unwrap_or_default()),
            Place::Level(scale) => self.take_level(scale, value),
            Place::Error => self.take_error(value),
            Place::Part(part) => self.take_part(part, value),
            Place::State => self.take_template_of(value),
        }
    }

    fn take_message(&mut self, rank: u8, value: Value<'a>) {
        if rank < self.message_rank
            && let Some(text) = value.text().map(without_line_end)
            && !text.is_empty()
        {
            (self.message, self.message_rank) = (Some(text), rank);
        }
    }

    fn take_level(&mut self, scale: Scale, value: Value<'a>) {
        if self.severity.is_unspecified() {
            self.severity = value
                .number()
                .map(|number| severity(scale, number))
                .or_else(|| value.text().map(|text| SeverityNumber::from_text(text.trim_ascii())))
                .unwrap_or_default();
        }
    }

    fn take_level_of(&mut self, object: Value<'a>) {
        within(object, |key, value| {
            if names::is_level(key) {
                self.take_level(Scale::Pino, value);
            }
        });
    }

    fn take_template_of(&mut self, object: Value<'a>) {
        within(object, |key, value| {
            if names::is_template(key) {
                fill(&mut self.template, value.text().unwrap_or_default());
            }
        });
    }

    /// An object's parts; of a text one line is the message, several are the trace.
    fn take_error(&mut self, value: Value<'a>) {
        within(value, |key, value| {
            if let Some(part) = names::part(key) {
                self.take_part(part, value);
            }
        });
        let Some(text) = value.text().map(without_line_end) else { return };
        if NOTHING.iter().any(|nothing| text.eq_ignore_ascii_case(nothing)) {
            return;
        }
        let part = if text.contains(&b'\n') { Part::Stacktrace } else { Part::Message };
        self.put_part(part, text);
    }

    fn take_part(&mut self, part: Part, value: Value<'a>) {
        if let Some(text) = value.text() {
            self.put_part(part, text);
        }
    }

    fn put_part(&mut self, part: Part, text: Text<'a>) {
        let held = match part {
            Part::Type => &mut self.type_name,
            Part::Message => &mut self.error_message,
            Part::Stacktrace => &mut self.stacktrace,
        };
        fill(held, text);
    }

    /// Puts what is told where the record says nothing itself. Only the message comes before the body that held it.
    pub(super) fn complete<'s>(&'s self, record: &mut LogRecord<'s>) {
        if let Some(message) = &self.message {
            record.body = message;
        }
        if record.severity().is_unspecified() {
            record.severity_number = self.severity;
        }
        record.template = or(record.template, &self.template);
        // Such as the error of an attempt that is made again: a logger who calls it information means that. Where the record
        // itself says so, its body is not even read.
        let severity = record.severity();
        if severity.is_unspecified() || severity >= SeverityNumber::WARN {
            self.complete_exception(&mut record.exception);
        }
    }

    fn complete_exception<'s>(&'s self, exception: &mut Exception<'s>) {
        exception.message = or(exception.message, &self.error_message);
        exception.stacktrace = or(exception.stacktrace, &self.stacktrace);
        if exception.is_present() || is_class(&self.type_name) {
            exception.type_name = or(exception.type_name, &self.type_name);
        }
    }

    fn into_owned(self) -> Told<'static> {
        let owned = |text: Text<'_>| Cow::Owned(text.into_owned());
        Told {
            message: self.message.map(owned),
            message_rank: self.message_rank,
            template: owned(self.template),
            severity: self.severity,
            type_name: owned(self.type_name),
            error_message: owned(self.error_message),
            stacktrace: owned(self.stacktrace),
        }
    }
}

/// The record's own text, else what is told.
fn or<'s>(own: &'s [u8], told: &'s Text<'_>) -> &'s [u8] {
    if own.is_empty() { told } else { own }
}

fn fill<'a>(held: &mut Text<'a>, text: Text<'a>) {
    if held.is_empty() {
        *held = text;
    }
}

fn within<'a>(value: Value<'a>, visit: impl FnMut(&[u8], Value<'a>)) {
    if let Some(object) = value.object() {
        object.each(visit);
    }
}

/// Whether a type alone tells of an exception: `error.type` may also be a status such as `500` or `timeout`.
fn is_class(name: &[u8]) -> bool {
    name.first().is_some_and(u8::is_ascii_alphabetic)
        && name.iter().any(u8::is_ascii_uppercase)
        && name.iter().any(u8::is_ascii_lowercase)
}

/// What an object without a message says: its texts, without their names. Names such as `error_count` say nothing of an
/// error, and neither does `"error":null`.
fn texts(object: Object<'_>) -> Text<'_> {
    let mut all = Text::default();
    object.each(|key, value| {
        let text = value.text().filter(|text| !text.is_empty() && !is_aside(key)).unwrap_or_default();
        if all.is_empty() {
            all = text;
        } else if !text.is_empty() && all.len() + text.len() < TEXTS_BYTES_MAX {
            let all = all.to_mut();
            all.push(b'\n');
            all.extend_from_slice(&text);
        }
    });
    all
}

/// Whether a name's text tells of the record and not of what happened.
fn is_aside(key: &[u8]) -> bool {
    matches!(names::place(key), Some(Place::Level(_)))
        || matches!(
            key,
            b"time" | b"ts" | b"timestamp" | b"@timestamp" | b"@t" | b"@i" | b"stream" | b"@version"
        )
}

fn without_line_end(text: Text<'_>) -> Text<'_> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_ascii_end()),
        Cow::Owned(mut text) => {
            text.truncate(text.trim_ascii_end().len());
            Cow::Owned(text)
        }
    }
}

/// A logger's number as OTLP counts; one that the scale does not have is unknown.
fn severity(scale: Scale, number: f64) -> SeverityNumber {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
    let number = number as u64;
    let on_wire = match (scale, number) {
        (Scale::Pino, 10..=19) => 1,
        (Scale::Pino, 20..=29) | (Scale::Python, 10..=19) | (Scale::Syslog, 7) => 5,
        (Scale::Pino, 30..=39) | (Scale::Python, 20..=29) | (Scale::Syslog, 6) => 9,
        (Scale::Syslog, 5) => 10,
        (Scale::Pino, 40..=49) | (Scale::Python, 30..=39) | (Scale::Syslog, 4) => 13,
        (Scale::Pino, 50..=59) | (Scale::Python, 40..=49) | (Scale::Syslog, 3) => 17,
        (Scale::Pino, 60..=69) | (Scale::Python, 50..=59) | (Scale::Syslog, 0..=2) => 21,
        _ => 0,
    };
    SeverityNumber::from_wire(on_wire)
}
