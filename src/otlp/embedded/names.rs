//! The names under which loggers tell of a record, in maps, in JSON and in attributes.
//!
//! pino, bunyan, winston, zap, logrus, slog, zerolog, hclog, structlog, python-json-logger, logstash and ECS encoders, log4j,
//! Serilog, the JSON console of .NET, Google Cloud, GELF, journald, and the wrappers of container runtimes. Case, `_` and `-`
//! are of no matter: `stack_trace` is `stackTrace`.

/// What a name tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The message; of several the one of the least rank.
    Message(u8),
    /// The message before its values were put in.
    Template,
    /// How bad it is.
    Level(Scale),
    /// The exception: a text, or an object of parts.
    Error,
    /// One part of the exception.
    Part(Part),
    /// An object that may hold a template: `State` of .NET.
    State,
}

/// A part of an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Type,
    Message,
    Stacktrace,
}

/// What a number means as a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    /// pino and bunyan: 10 trace to 60 fatal.
    Pino,
    /// Python: 10 debug to 50 critical.
    Python,
    /// syslog: 0 emergency to 7 debug.
    Syslog,
}

/// No name that tells something is longer.
const NAME_BYTES_MAX: usize = 32;

/// What a name at the top tells of.
pub(super) fn place(key: &[u8]) -> Option<Place> {
    let mut buffer = [0; NAME_BYTES_MAX];
    let name = plain(key, &mut buffer)?;
    let place = match name {
        b"message" => Place::Message(0),
        b"msg" => Place::Message(1),
        b"@m" | b"@message" => Place::Message(2),
        b"renderedmessage" | b"formattedmessage" => Place::Message(3),
        b"shortmessage" => Place::Message(4),
        b"textpayload" => Place::Message(5),
        b"event" => Place::Message(6),
        b"body" => Place::Message(7),
        b"log" => Place::Message(8),
        b"text" => Place::Message(9),
        b"@mt" | b"messagetemplate" | b"{originalformat}" => Place::Template,
        b"level" | b"severity" | b"lvl" | b"levelname" | b"loglevel" | b"log.level" | b"@l" | b"@level"
        | b"severitytext" => Place::Level(Scale::Pino),
        b"levelno" => Place::Level(Scale::Python),
        b"priority" => Place::Level(Scale::Syslog),
        b"state" => Place::State,
        b"@x" | b"thrown" | b"throwable" => Place::Error,
        b"stack" | b"stacktrace" | b"backtrace" => Place::Part(Part::Stacktrace),
        _ => return of_error(name),
    };
    Some(place)
}

/// What a name within the exception tells of.
pub(super) fn part(key: &[u8]) -> Option<Part> {
    let mut buffer = [0; NAME_BYTES_MAX];
    let name = plain(key, &mut buffer)?;
    match of_error(name) {
        Some(Place::Part(part)) => Some(part),
        _ => named_part(name),
    }
}

/// Whether it is ECS' `log.level` without the `log`.
pub(super) fn is_level(key: &[u8]) -> bool {
    key == b"level"
}

/// Whether the value under it is the template, in `State` of .NET.
pub(super) fn is_template(key: &[u8]) -> bool {
    key == b"{OriginalFormat}"
}

/// `error`, `err`, or one part of it in one name: `error.message`, `exception_class`, `errorVerbose`, `exc_info`.
fn of_error(name: &[u8]) -> Option<Place> {
    let rest =
        [&b"exception"[..], b"error", b"exc", b"err"].iter().find_map(|prefix| name.strip_prefix(*prefix))?;
    match rest.strip_prefix(b".").unwrap_or(rest) {
        b"" => Some(Place::Error),
        rest => named_part(rest).map(Place::Part),
    }
}

fn named_part(name: &[u8]) -> Option<Part> {
    match name {
        b"type" | b"kind" | b"class" | b"classname" | b"name" => Some(Part::Type),
        b"message" | b"msg" | b"value" | b"reason" => Some(Part::Message),
        b"stack"
        | b"stacktrace"
        | b"backtrace"
        | b"trace"
        | b"extendedstacktrace"
        | b"info"
        | b"verbose"
        | b"text" => Some(Part::Stacktrace),
        _ => None,
    }
}

/// The name in lower case, without `_` and `-`.
fn plain<'b>(key: &[u8], buffer: &'b mut [u8; NAME_BYTES_MAX]) -> Option<&'b [u8]> {
    let mut length = 0;
    for byte in key.iter().filter(|byte| !matches!(byte, b'_' | b'-')) {
        *buffer.get_mut(length)? = byte.to_ascii_lowercase();
        length += 1;
    }
    Some(&buffer[..length])
}
