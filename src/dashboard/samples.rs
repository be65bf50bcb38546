//! An error's samples, and which of their attributes differ.

use std::collections::{BTreeMap, BTreeSet};

use super::moment;
use super::text::{self, BLOCK_MAX, LINE_MAX, Markup};
use crate::model::{Sample, UnixNanos};

/// How many attributes are shown.
const ATTRIBUTES_MAX: usize = 60;
/// How many values of one attribute are shown.
const VALUES_MAX: usize = 8;

/// One record.
pub(super) struct Shown {
    pub(super) at: Markup,
    pub(super) ago: Markup,
    pub(super) body: String,
    pub(super) trace_id: String,
    pub(super) attributes: Vec<(String, String)>,
}

/// An attribute over all samples.
pub(super) struct Attribute {
    pub(super) key: String,
    pub(super) values: Vec<(String, usize)>,
    pub(super) more: usize,
    /// How many samples do not have it.
    pub(super) without: usize,
}

/// What the samples show together.
pub(super) struct Compared {
    pub(super) differing: Vec<Attribute>,
    pub(super) same: Vec<(String, String)>,
    pub(super) trace_ids: Vec<String>,
}

/// The samples, latest first.
pub(super) fn shown(samples: &[Sample], now: UnixNanos) -> Vec<Shown> {
    let attributes = |sample: &Sample| {
        let all = sample.attributes.iter().take(ATTRIBUTES_MAX);
        all.map(|(key, value)| (text::line(key, LINE_MAX), text::line(value, LINE_MAX * 2))).collect()
    };
    samples
        .iter()
        .rev()
        .map(|sample| Shown {
            at: moment::exact(sample.occurred),
            ago: moment::ago(sample.occurred, now),
            body: text::block(&sample.body, BLOCK_MAX),
            trace_id: text::line(&sample.trace_id, LINE_MAX),
            attributes: attributes(sample),
        })
        .collect()
}

/// Which attributes differ between the samples: what an error depends on is often among them.
pub(super) fn compared(samples: &[Sample]) -> Compared {
    let keys: BTreeSet<_> = samples.iter().flat_map(|sample| sample.attributes.keys()).collect();
    let (mut differing, mut same) = (Vec::new(), Vec::new());
    for key in keys.into_iter().take(ATTRIBUTES_MAX) {
        let mut counts = BTreeMap::<&str, usize>::new();
        for value in samples.iter().filter_map(|sample| sample.attributes.get(key)) {
            *counts.entry(value).or_default() += 1;
        }
        let without = samples.len() - counts.values().sum::<usize>();
        match (counts.first_key_value(), counts.len(), without) {
            (Some((value, _)), 1, 0) => {
                same.push((text::line(key, LINE_MAX), text::line(value, LINE_MAX)));
            }
            _ => differing.push(attribute(key, &counts, without)),
        }
    }
    let ids: BTreeSet<_> = samples.iter().map(|sample| sample.trace_id.as_str()).collect();
    let trace_ids = ids.into_iter().filter(|id| !id.is_empty()).map(|id| text::line(id, LINE_MAX));
    Compared { differing, same, trace_ids: trace_ids.collect() }
}

fn attribute(key: &str, counts: &BTreeMap<&str, usize>, without: usize) -> Attribute {
    let mut values: Vec<_> = counts.iter().collect();
    values.sort_by_key(|(value, count)| (std::cmp::Reverse(**count), **value));
    let shown = values.iter().take(VALUES_MAX).map(|(value, count)| (text::line(value, LINE_MAX), **count));
    Attribute {
        key: text::line(key, LINE_MAX),
        values: shown.collect(),
        more: values.len().saturating_sub(VALUES_MAX),
        without,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_stands_apart_from_what_is_the_same() {
        let sample = |pairs: &[(&str, &str)], trace: &str| Sample {
            attributes: pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            trace_id: trace.to_owned(),
            ..Sample::default()
        };
        let told = compared(&[
            sample(&[("host", "a"), ("region", "eu")], "t1"),
            sample(&[("host", "b"), ("region", "eu")], "t1"),
            sample(&[("host", "b"), ("region", "eu"), ("user", "7")], ""),
        ]);
        let differing: Vec<_> =
            told.differing.iter().map(|one| (one.key.as_str(), one.values.clone(), one.without)).collect();
        assert_eq!(
            differing,
            [
                ("host", vec![("b".to_owned(), 2), ("a".to_owned(), 1)], 0),
                ("user", vec![("7".to_owned(), 1)], 2)
            ]
        );
        assert_eq!(told.same, [("region".to_owned(), "eu".to_owned())]);
        assert_eq!(told.trace_ids, ["t1"]);
    }
}
