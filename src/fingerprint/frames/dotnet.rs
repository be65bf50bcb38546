//! .NET: `at Shop.Cart.Total(Int32 id) in /src/Cart.cs:line 12`, innermost first, inner exceptions before outer ones.

use super::{Line, Trace, header, place};
use crate::model::Frame;

/// Namespaces of the platform and of libraries that services are commonly made of.
const FOREIGN: [&str; 16] = [
    "System.",
    "Microsoft.",
    "Npgsql.",
    "MySql.",
    "MySqlConnector.",
    "StackExchange.",
    "Newtonsoft.",
    "Serilog.",
    "Grpc.",
    "MediatR.",
    "AutoMapper.",
    "Dapper.",
    "Polly.",
    "RabbitMQ.",
    "Confluent.",
    "lambda_method",
];

/// What stands between an exception and the one inside it.
const INNER: &str = "--->";

/// Where an `AggregateException` tells its parts once more, the first of which was told above.
const REPEATED: &str = "---> (Inner Exception #";

pub(super) fn begins(line: &str) -> bool {
    frame(line).is_some()
}

pub(super) fn read(lines: &[Line<'_>], first: usize) -> Trace {
    let (start, titles) = titles(lines, first);
    let mut trace = Trace { start, ..Trace::default() };
    for (type_name, message) in titles.iter().rev() {
        trace.types.push((*type_name).to_owned());
        trace.message = if trace.message.is_empty() { (*message).to_owned() } else { trace.message };
    }
    let own = lines[first..].iter().take_while(|line| !line.text.starts_with(REPEATED));
    trace.frames = own.filter_map(|line| frame(line.text)).collect();
    trace
}

/// The types and messages above the first frame, innermost first, and where the outermost begins.
/// Older runtimes write `A: a ---> B: b` on one line, newer ones a line for each.
fn titles<'a>(lines: &[Line<'a>], first: usize) -> (usize, Vec<(&'a str, &'a str)>) {
    let mut found = Vec::new();
    let mut end = first;
    loop {
        let (start, _, _) = header::above(lines, end);
        let Some(line) = lines[..end].iter().rposition(|line| line.start <= start) else {
            return (start, found);
        };
        let parts = lines[line].text.split(INNER).filter_map(|part| header::parse(part.trim()));
        let mut parts: Vec<_> = parts.map(|part| (part.type_name, part.message)).collect();
        parts.reverse();
        found.extend(parts);
        let is_inner = lines[line].text.starts_with(INNER);
        if !is_inner || found.len() >= super::TYPES_MAX {
            return (start, found);
        }
        end = line;
    }
}

fn frame(line: &str) -> Option<Frame> {
    let call = line.strip_prefix("at ")?;
    let (call, file, line) =
        match call.rsplit_once(" in ").and_then(|(call, source)| Some((call, source_line(source)?))) {
            Some((call, (file, line))) => (call, place::file(file), Some(line)),
            None => (call, String::new(), None),
        };
    let (name, arguments) = call.split_once('(')?;
    if name.contains(' ') || !arguments.ends_with(')') || !(name.contains('.') || line.is_some()) {
        return None;
    }
    let function = without_state_machine(name);
    let in_app = place::is_own(&file) && !FOREIGN.iter().any(|namespace| function.starts_with(namespace));
    Some(Frame { file, line, function, in_app })
}

fn source_line(source: &str) -> Option<(&str, u32)> {
    let (file, line) = source.rsplit_once(":line ")?;
    Some((file, place::number(line)?))
}

/// An async method runs as `Shop.Cart.<Total>d__5.MoveNext`; people know it as `Shop.Cart.Total`.
fn without_state_machine(name: &str) -> String {
    let method = || {
        let (class, machine) = name.strip_suffix(".MoveNext")?.rsplit_once('<')?;
        let (method, _) = machine.split_once(">d")?;
        Some(format!("{class}{method}"))
    };
    method().unwrap_or_else(|| name.to_owned())
}
