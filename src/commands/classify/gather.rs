//! One record after the other: classified, fingerprinted, folded; at the end templates that are one error are merged.

use std::collections::HashMap;

use crate::classify::{Class, Classifier, Scratch};
use crate::fingerprint::{self, Known};
use crate::model::{Fingerprint, Frame, LogRecord, Resource, SeverityNumber, Verdict};
use crate::otlp::Unfolded;

/// No cluster: the line is no error.
const NONE: u32 = u32::MAX;

/// A cluster, as far as the command shows it.
#[derive(Debug)]
pub(super) struct Cluster {
    /// Its id.
    pub(super) id: Fingerprint,
    /// How many occurrences it has.
    pub(super) count: u64,
    /// The number of the first line of it.
    pub(super) first_line: u64,
    /// The gravest verdict on its records; none where none of them is an error.
    pub(super) verdict: Option<Verdict>,
    /// The exception's type, or empty.
    pub(super) error_type: String,
    /// The template.
    pub(super) message: String,
    /// The frames that name it; empty where its message does.
    pub(super) frames: Vec<Frame>,
    /// The first record of it, and its severity.
    pub(super) example: Vec<u8>,
    /// The severity that the example names.
    pub(super) severity: SeverityNumber,
    /// Ids that were merged into this one.
    pub(super) aliases: Vec<Fingerprint>,
    /// Why they were merged; empty where none was.
    pub(super) reason: String,
}

/// What was found in all lines.
#[derive(Debug)]
pub(super) struct Found {
    /// How many lines were read.
    pub(super) lines: u64,
    /// How many occurrences are in a cluster.
    pub(super) counted: u64,
    /// The clusters, the gravest and most frequent first.
    pub(super) clusters: Vec<Cluster>,
    /// The cluster of each line, by its number at the time of reading.
    of_lines: Vec<u32>,
    /// The id that each such number stands for.
    ids: Vec<Fingerprint>,
}

impl Found {
    /// The cluster of each line, in their order.
    pub(super) fn assignments(&self) -> impl Iterator<Item = Option<Fingerprint>> {
        self.of_lines.iter().map(|number| self.ids.get(*number as usize).copied())
    }
}

/// Gathers clusters.
#[derive(Debug)]
pub(super) struct Gather<'c> {
    classifier: &'c Classifier,
    service: &'c str,
    /// Whether lines that are no errors are clustered too.
    all: bool,
    /// Whether the cluster of each line is asked for.
    assign: bool,
    scratch: Scratch,
    lines: u64,
    numbers: HashMap<Fingerprint, u32>,
    clusters: Vec<Cluster>,
    of_lines: Vec<u32>,
}

impl<'c> Gather<'c> {
    pub(super) fn new(classifier: &'c Classifier, service: &'c str, all: bool, assign: bool) -> Self {
        Self {
            classifier,
            service,
            all,
            assign,
            scratch: Scratch::default(),
            lines: 0,
            numbers: HashMap::new(),
            clusters: Vec::new(),
            of_lines: Vec::new(),
        }
    }

    /// Takes a record that stands in the next `lines` lines.
    pub(super) fn record(&mut self, body: &[u8], severity: SeverityNumber, lines: u64) {
        let record = LogRecord { body, severity_number: severity, ..LogRecord::default() };
        let number = self.cluster(&record).unwrap_or(NONE);
        self.assign(number, lines);
    }

    /// Passes over a line that no record can hold.
    pub(super) fn skip_line(&mut self) {
        self.assign(NONE, 1);
    }

    fn assign(&mut self, number: u32, lines: u64) {
        self.lines += lines;
        if self.assign {
            self.of_lines.extend((0..lines).map(|_| number));
        }
    }

    /// The number of the record's cluster; none where it is no error and only errors are asked for.
    fn cluster(&mut self, record: &LogRecord<'_>) -> Option<u32> {
        let resource = Resource { service_name: self.service.as_bytes(), ..Resource::default() };
        let unfolded = Unfolded::new(record);
        let unfolded = unfolded.record();
        let class = self.classifier.classify(&unfolded, &resource, &mut self.scratch);
        if class.is_none() && !self.all {
            return None;
        }
        let analysis = fingerprint::analyze(&unfolded, &resource);
        let in_app = analysis.frames.iter().any(|frame| frame.in_app);
        let verdict = class.as_ref().map(|class: &Class<'_>| class.verdict(unfolded.severity(), in_app));
        let next = u32::try_from(self.clusters.len()).ok().filter(|next| *next < NONE)?;
        let number = *self.numbers.entry(analysis.fingerprint).or_insert(next);
        if number == next {
            self.clusters.push(Cluster {
                id: analysis.fingerprint,
                count: 0,
                first_line: self.lines + 1,
                verdict: None,
                error_type: analysis.error_type,
                message: analysis.message,
                frames: analysis.frames,
                example: record.body.to_vec(),
                severity: record.severity(),
                aliases: Vec::new(),
                reason: String::new(),
            });
        }
        let cluster = &mut self.clusters[number as usize];
        cluster.count += 1;
        graver(&mut cluster.verdict, verdict);
        Some(number)
    }

    /// Merges what is one error, and puts the gravest first.
    pub(super) fn finish(self) -> Found {
        let mut ids: Vec<_> = self.clusters.iter().map(|cluster| cluster.id).collect();
        let counted = self.clusters.iter().map(|cluster| cluster.count).sum();
        let clusters = merged(self.clusters, self.service, &self.numbers, &mut ids);
        Found { lines: self.lines, counted, clusters, of_lines: self.of_lines, ids }
    }
}

/// Folds the members of each family into the one whose id it has; `ids` follows.
fn merged(
    clusters: Vec<Cluster>,
    service: &str,
    numbers: &HashMap<Fingerprint, u32>,
    ids: &mut [Fingerprint],
) -> Vec<Cluster> {
    let named_by_message = clusters.iter().filter(|cluster| cluster.frames.is_empty());
    let known: Vec<_> = named_by_message
        .map(|cluster| Known {
            fingerprint: cluster.id,
            service,
            error_type: fingerprint::last_segment(&cluster.error_type),
            template: &cluster.message,
        })
        .collect();
    let families = fingerprint::families(&known);
    let mut clusters: Vec<_> = clusters.into_iter().map(Some).collect();
    let place = |id: &Fingerprint| numbers.get(id).map(|number| *number as usize);
    for family in families {
        let Some(head) = place(&family.id) else { continue };
        let members = family.aliases.iter().filter_map(place);
        let folded: Vec<_> = members
            .filter_map(|member| {
                ids[member] = family.id;
                clusters[member].take()
            })
            .collect();
        if let Some(head) = &mut clusters[head] {
            for member in folded {
                head.fold(member);
            }
            (head.message, head.reason, head.aliases) = (family.template, family.reason, family.aliases);
        }
    }
    let mut clusters: Vec<_> = clusters.into_iter().flatten().collect();
    clusters.sort_by_key(|cluster| {
        let severity = cluster.verdict.as_ref().map(|verdict| verdict.severity);
        (std::cmp::Reverse((severity, cluster.count)), cluster.id)
    });
    clusters
}

impl Cluster {
    fn fold(&mut self, other: Self) {
        self.count += other.count;
        if other.first_line < self.first_line {
            (self.first_line, self.example, self.severity) =
                (other.first_line, other.example, other.severity);
        }
        graver(&mut self.verdict, other.verdict);
    }

    /// The error in one line.
    pub(super) fn summary(&self) -> String {
        match (self.error_type.as_str(), self.message.as_str()) {
            ("", message) => message.to_owned(),
            (error_type, "") => error_type.to_owned(),
            (error_type, message) => format!("{error_type}: {message}"),
        }
    }
}

/// Keeps the graver of two verdicts.
fn graver(held: &mut Option<Verdict>, other: Option<Verdict>) {
    let is_graver = |other: &Verdict| held.as_ref().is_none_or(|held| other.is_graver_than(held));
    if other.as_ref().is_some_and(is_graver) {
        *held = other;
    }
}
