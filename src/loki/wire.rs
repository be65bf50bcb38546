//! What Loki answers to `query_range`, as entries.
//!
//! Source: Loki's HTTP API documentation, and its `pkg/util/marshal/query.go` for what the request's flag
//! `categorize-labels` changes: a value's third element then holds the entry's structured metadata, and the stream's labels
//! alone stand in `stream`. Without the flag Loki would mix both, and one stream would come apart.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::LokiError;
use crate::model::UnixNanos;

/// Labels by name, in order, so that the same entry gives the same bytes whenever it is read.
pub(super) type Labels = BTreeMap<String, String>;

/// One log line in Loki.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) time: UnixNanos,
    pub(super) line: String,
    /// The labels of its stream.
    pub(super) stream: Arc<Labels>,
    /// Its structured metadata, and what the query's own stages parsed.
    pub(super) metadata: Labels,
}

impl Entry {
    /// What it is known by among the entries of its nanosecond. Loki itself keeps one of two that are alike in stream, time
    /// and line.
    pub(super) fn digest(&self) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new();
        let mut part = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
        };
        part(&self.line);
        for labels in [&*self.stream, &self.metadata] {
            part(&labels.len().to_string());
            for (name, value) in labels {
                part(name);
                part(value);
            }
        }
        let mut digest = [0; 16];
        digest.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        digest
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(rename = "resultType")]
    result_type: &'a str,
    #[serde(borrow)]
    result: &'a RawValue,
}

#[derive(Deserialize)]
struct Stream {
    stream: Labels,
    values: Vec<Value>,
}

#[derive(Default, Deserialize)]
struct Categories {
    #[serde(rename = "structuredMetadata", default)]
    structured_metadata: Labels,
    #[serde(default)]
    parsed: Labels,
}

/// `["<nanoseconds>", "<line>"]`, with the categories behind them where there are any.
struct Value {
    time: UnixNanos,
    line: String,
    categories: Categories,
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements;
        impl<'de> Visitor<'de> for Elements {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time and a line")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
                let time: String =
                    elements.next_element()?.ok_or_else(|| de::Error::invalid_length(0, &self))?;
                let line = elements.next_element()?.ok_or_else(|| de::Error::invalid_length(1, &self))?;
                let categories = elements.next_element()?.unwrap_or_default();
                while elements.next_element::<IgnoredAny>()?.is_some() {}
                let time =
                    time.parse().map(UnixNanos).map_err(|_| de::Error::custom("a time is no number"))?;
                Ok(Value { time, line, categories })
            }
        }
        deserializer.deserialize_seq(Elements)
    }
}

/// The entries of an answer, earliest first; those of one stream and one nanosecond stay in Loki's order.
///
/// # Errors
///
/// [`LokiError::Malformed`], also for the answer to a query of metrics.
pub(super) fn entries(answer: &[u8]) -> Result<Vec<Entry>, LokiError> {
    let malformed = |error: serde_json::Error| LokiError::Malformed(error.to_string());
    let Answer { data } = serde_json::from_slice(answer).map_err(malformed)?;
    if data.result_type != "streams" {
        return Err(LokiError::Malformed(format!(
            "it holds {}, and LOKI_QUERY must select log lines",
            crate::redact::cut(data.result_type, 40)
        )));
    }
    let streams: Vec<Stream> = serde_json::from_str(data.result.get()).map_err(malformed)?;
    let mut entries = Vec::new();
    for Stream { stream, values } in streams {
        let stream = Arc::new(stream);
        entries.extend(values.into_iter().map(|Value { time, line, categories }| {
            let mut metadata = categories.parsed;
            metadata.extend(categories.structured_metadata);
            Entry { time, line, stream: Arc::clone(&stream), metadata }
        }));
    }
    entries.sort_by_key(|entry| entry.time);
    Ok(entries)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As a real Loki 3.7.8 answered, without its statistics.
    const ANSWER: &str = r#"{"status":"success","data":{"resultType":"streams","encodingFlags":["categorize-labels"],"result":[
        {"stream":{"service_name":"shop"},"values":[["20","late",{"structuredMetadata":{"trace_id":"0a"},"parsed":{"code":"5"}}],["10","early",{}]]},
        {"stream":{"service_name":"cart"},"values":[["15","between"]]}],"stats":{"summary":{}}}}"#;

    pub(in crate::loki) fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_answer_is_its_entries_in_order_with_all_that_is_known_of_them() {
        let entries = entries(ANSWER.as_bytes()).unwrap();
        let told: Vec<_> = entries.iter().map(|entry| (entry.time.0, entry.line.as_str())).collect();
        assert_eq!(told, [(10, "early"), (15, "between"), (20, "late")]);
        assert_eq!(*entries[2].stream, labels(&[("service_name", "shop")]));
        assert_eq!(entries[2].metadata, labels(&[("code", "5"), ("trace_id", "0a")]));
        let digests: std::collections::BTreeSet<_> = entries.iter().map(Entry::digest).collect();
        assert_eq!(digests.len(), 3);
    }

    #[test]
    fn what_is_no_answer_is_told() {
        for (answer, told) in [
            ("<html>busy</html>", "expected value"),
            ("{}", "missing field `data`"),
            (r#"{"data":{"resultType":"matrix","result":[]}}"#, "it holds matrix"),
            (r#"{"data":{"resultType":"streams","result":{}}}"#, "expected a sequence"),
            (
                r#"{"data":{"resultType":"streams","result":[{"stream":{},"values":[["x","y"]]}]}}"#,
                "no number",
            ),
            (
                r#"{"data":{"resultType":"streams","result":[{"stream":{},"values":[["1"]]}]}}"#,
                "a time and a line",
            ),
        ] {
            let error = entries(answer.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(told), "{answer}: {error}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_answered_makes_it_panic(answer in r#"[\[\]{}":,a-z0-9]{0,60}|\PC{0,60}"#) {
            let _ = entries(answer.as_bytes());
        }
    }
}
