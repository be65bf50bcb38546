//! From files to encoded requests, ahead of their time and on a thread of its own, so that reading, encoding and
//! compressing are not measured as the receiver's time.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use tokio::sync::mpsc;

use super::super::lines::{Lines, Next, is_stdin};
use super::encode::Encoder;
use super::plan::Format;
use super::records::{self, attribute, string};
use super::run::Run;
use super::schedule::Schedule;
use super::text::Joiner;
use super::{OTLP_BYTES_MAX, TEXT_BYTES_MAX, otlp_lines, tell};
use crate::proto::collector::logs::v1::ExportLogsServiceRequest;
use crate::proto::common::v1::InstrumentationScope;
use crate::proto::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use crate::proto::resource::v1::Resource;

/// A request is full at this size, whatever `--batch` says: gRPC receivers take 4 MiB unless they are told otherwise.
const REQUEST_BYTES_FULL: usize = 3 * 1024 * 1024;

/// Of one file so many bad lines are told; the others are counted.
const BAD_LINES_TOLD: u64 = 10;

/// A request that waits for its turn.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) body: Bytes,
    pub(super) records: u64,
    /// Since the start; `None` where no rate is asked for.
    pub(super) due: Option<Duration>,
}

/// Why a file was left.
enum Left {
    /// Nobody takes requests any more.
    Stopped,
    /// It cannot be read on.
    Unread(String),
}

/// Reads the files and fills the channel; where it is full, reading waits.
pub(super) struct Producer {
    run: Arc<Run>,
    out: mpsc::Sender<Prepared>,
    encoder: Encoder,
    schedule: Schedule,
    service: String,
    batch: Vec<LogRecord>,
    batch_bytes: usize,
    /// The time that the last record was stamped with; no two records have the same.
    stamp: u64,
}

impl Producer {
    /// A producer for a run's plan.
    pub(super) fn new(run: Arc<Run>, out: mpsc::Sender<Prepared>) -> Self {
        let (encoder, schedule) = (Encoder::new(&run.plan), Schedule::new(run.plan.rate));
        Self {
            run,
            out,
            encoder,
            schedule,
            service: String::new(),
            batch: Vec::new(),
            batch_bytes: 0,
            stamp: 0,
        }
    }

    /// Reads all files as often as asked for. One that cannot be read is told and counted, and the next one begins.
    pub(super) fn produce(mut self) {
        let plan = Arc::clone(&self.run.plan);
        for _ in 0..plan.repeat {
            for file in &plan.files {
                self.service = plan.service_of(file);
                match self.read(file) {
                    Ok(()) => {}
                    Err(Left::Stopped) => return,
                    Err(Left::Unread(why)) => {
                        tell(&why);
                        self.run.tally().unread += 1;
                    }
                }
            }
        }
    }

    /// Sends requests over and over, with new times each time, until nobody takes them. Those that are none are left out.
    pub(super) fn repeat(mut self, requests: &[Bytes]) {
        let mut are_some = true;
        while std::mem::take(&mut are_some) {
            for request in requests.iter().filter_map(|body| ExportLogsServiceRequest::decode(&**body).ok()) {
                if self.pass_on(request).is_err() {
                    return;
                }
                are_some = true;
            }
        }
    }

    fn read(&mut self, file: &Path) -> Result<(), Left> {
        let mut lines =
            Lines::open(file, OTLP_BYTES_MAX).map_err(|error| Left::Unread(format!("{error:#}")))?;
        let mut format = self.run.plan.format;
        let mut joiner = Joiner::default();
        let mut bad = BadLines { name: shown(file), count: 0 };
        loop {
            let next = lines
                .next()
                .map_err(|error| Left::Unread(format!("cannot read on in {}: {error}", bad.name)))?;
            match next {
                Next::Line => {
                    if format == Format::Auto {
                        format = detect(lines.line());
                    }
                    lines.limit(bytes_max(format));
                    if let Err(why) = self.line(format, lines.line(), &mut joiner)? {
                        bad.tell(&self.run, lines.number(), &why);
                    }
                }
                Next::TooLong => {
                    let why = format!("longer than {} MiB", bytes_max(format) >> 20);
                    bad.tell(&self.run, lines.number(), &why);
                }
                Next::Idle => {
                    self.finish(&mut joiner)?;
                    self.schedule.begin_again(self.run.elapsed());
                }
                Next::End => return self.finish(&mut joiner),
            }
        }
    }

    /// Takes a line; the inner error is why it is a bad one.
    fn line(&mut self, format: Format, line: &[u8], joiner: &mut Joiner) -> Result<Result<(), String>, Left> {
        if line.trim_ascii().is_empty() && !matches!(format, Format::Lines) {
            return Ok(Ok(()));
        }
        match format {
            Format::Json => match records::of_json(line) {
                Ok(record) => self.push(record)?,
                Err(why) => return Ok(Err(why)),
            },
            Format::Otlp => match otlp_lines::request(line) {
                Ok(request) => self.pass_on(request)?,
                Err(why) => return Ok(Err(why)),
            },
            Format::Lines | Format::Auto => {
                if let Some(text) = joiner.push(line) {
                    self.push(records::of_text(text))?;
                }
            }
        }
        Ok(Ok(()))
    }

    fn push(&mut self, record: LogRecord) -> Result<(), Left> {
        let bytes = record.encoded_len();
        if self.batch_bytes + bytes > REQUEST_BYTES_FULL {
            self.flush()?;
        }
        self.batch_bytes += bytes;
        self.batch.push(record);
        if self.batch.len() >= self.run.plan.batch_records() { self.flush() } else { Ok(()) }
    }

    fn finish(&mut self, joiner: &mut Joiner) -> Result<(), Left> {
        if let Some(text) = joiner.finish() {
            self.push(records::of_text(text))?;
        }
        self.flush()
    }

    /// Makes a request of what was gathered.
    fn flush(&mut self) -> Result<(), Left> {
        self.batch_bytes = 0;
        let log_records = std::mem::take(&mut self.batch);
        if log_records.is_empty() {
            return Ok(());
        }
        let service = attribute("service.name", string(self.service.clone()));
        let resource = Resource { attributes: vec![service], ..Resource::default() };
        let scope =
            InstrumentationScope { name: "logmend.send".to_owned(), ..InstrumentationScope::default() };
        let scope_logs = ScopeLogs { scope: Some(scope), log_records, ..ScopeLogs::default() };
        let resource_logs = ResourceLogs {
            resource: Some(resource),
            scope_logs: vec![scope_logs],
            ..ResourceLogs::default()
        };
        self.send(ExportLogsServiceRequest { resource_logs: vec![resource_logs] }, true)
    }

    /// Sends a request as it was recorded; only the time of observation is new.
    fn pass_on(&mut self, request: ExportLogsServiceRequest) -> Result<(), Left> {
        self.flush()?;
        self.send(request, false)
    }

    fn send(&mut self, mut request: ExportLogsServiceRequest, is_ours: bool) -> Result<(), Left> {
        let count = log_records(&mut request).count() as u64;
        let due = self.schedule.take(count);
        self.stamp = self.stamp.max(self.run.wall_clock(due));
        for record in log_records(&mut request) {
            self.stamp += 1;
            record.observed_time_unix_nano = self.stamp;
            if is_ours && record.time_unix_nano == 0 {
                record.time_unix_nano = self.stamp;
            }
        }
        let body = self.encoder.body(&request);
        let body = body.map_err(|error| Left::Unread(format!("a request cannot be encoded: {error}")))?;
        self.out.blocking_send(Prepared { body, records: count, due }).map_err(|_| Left::Stopped)
    }
}

fn log_records(request: &mut ExportLogsServiceRequest) -> impl Iterator<Item = &mut LogRecord> {
    let scopes = request.resource_logs.iter_mut().flat_map(|logs| &mut logs.scope_logs);
    scopes.flat_map(|logs| &mut logs.log_records)
}

/// What a file's lines are, by its first that is not empty.
fn detect(line: &[u8]) -> Format {
    let line = line.trim_ascii();
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok();
    let names = |name: &[u8]| line.windows(name.len()).take(200).any(|window| window == name);
    match line {
        [] => Format::Auto,
        [b'{', ..] if names(b"\"resourceLogs\"") => Format::Otlp,
        [b'{', ..] if is_json => Format::Json,
        _ => Format::Lines,
    }
}

fn bytes_max(format: Format) -> usize {
    match format {
        Format::Auto | Format::Otlp => OTLP_BYTES_MAX,
        Format::Lines | Format::Json => TEXT_BYTES_MAX,
    }
}

fn shown(file: &Path) -> String {
    if is_stdin(file) { "standard input".to_owned() } else { file.display().to_string() }
}

/// Tells the first bad lines of a file, and counts all.
struct BadLines {
    name: String,
    count: u64,
}

impl BadLines {
    fn tell(&mut self, run: &Run, number: u64, why: &str) {
        run.tally().bad_lines += 1;
        self.count += 1;
        if self.count <= BAD_LINES_TOLD {
            tell(&format!("{}:{number}: left out: {why}", self.name));
        } else if self.count == BAD_LINES_TOLD + 1 {
            tell(&format!("{}: further bad lines are counted, not told", self.name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_tells_the_format() {
        for (line, expected) in [
            ("", Format::Auto),
            ("  ", Format::Auto),
            ("ERROR lost", Format::Lines),
            ("{not json", Format::Lines),
            ("[1]", Format::Lines),
            (r#"{"msg":"lost"}"#, Format::Json),
            (r#"  {"resourceLogs":[{"resource":{}"#, Format::Otlp),
            (r#"{"resourceSpans":[]}"#, Format::Json),
        ] {
            assert_eq!(detect(line.as_bytes()), expected, "{line}");
        }
    }
}
