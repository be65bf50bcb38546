//! What callers write after the `?`: names and values, of which unknown ones have no effect.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::error::Problem;
use crate::model::UnixNanos;
use crate::store::{ClusterFilter, Cursor};

/// Hours that lists look back where the caller does not say.
const HOURS_DEFAULT: u64 = 24;
/// As long as clusters are kept for: 30 days.
const HOURS_MAX: u64 = 720;
const LIMIT_DEFAULT: u32 = 100;
const LIMIT_MAX: u32 = 10_000;
/// The longest text that is searched for, in bytes: longer than any line that somebody types.
const TEXT_BYTES_MAX: usize = 256;

/// The parameters of a call.
pub(super) type Given = Query<Vec<(String, String)>>;

/// The same, to be read by name.
#[derive(Debug)]
pub(super) struct Params(Vec<(String, String)>);

/// What stands in the address. What cannot be read there is a problem like any other.
#[derive(Debug)]
pub(super) struct In<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for In<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = Path::<T>::from_request_parts(parts, state).await;
        let unreadable = |_| Problem::bad_request("the address holds what is no UTF-8, percent-encoded");
        read.map(|Path(read)| Self(read)).map_err(unreadable)
    }
}

impl From<Given> for Params {
    fn from(Query(given): Given) -> Self {
        Self(given)
    }
}

impl Params {
    /// The last value of a name; an empty one counts as none.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let given = self.0.iter().rev().find(|(given, _)| given == name);
        given.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// A whole number from 1 to `max`.
    pub(super) fn number(&self, name: &str, default: u64, max: u64) -> Result<u64, Problem> {
        let Some(given) = self.get(name) else { return Ok(default) };
        given
            .parse()
            .ok()
            .filter(|number| (1..=max).contains(number))
            .ok_or_else(|| Problem::bad_request(format!("{name} must be a whole number from 1 to {max}")))
    }

    /// True or false, or neither.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Problem> {
        match self.get(name) {
            None => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(other) => {
                Err(Problem::bad_request(format!("{name} is `{}`; it must be true or false", shown(other))))
            }
        }
    }

    /// Values of one kind, each time the name is given and between commas.
    pub(super) fn list<T: FromStr>(&self, name: &str) -> Result<Vec<T>, Problem>
    where
        T::Err: Display,
    {
        let given =
            self.0.iter().filter(|(given, _)| given == name).flat_map(|(_, values)| values.split(','));
        let given = given.map(str::trim).filter(|value| !value.is_empty());
        given.map(|value| read(name, value)).collect()
    }

    /// One value.
    pub(super) fn parsed<T: FromStr>(&self, name: &str) -> Result<Option<T>, Problem>
    where
        T::Err: Display,
    {
        self.get(name).map(|value| read(name, value)).transpose()
    }

    pub(super) fn hours(&self) -> Result<u64, Problem> {
        self.number("hours", HOURS_DEFAULT, HOURS_MAX)
    }

    pub(super) fn limit(&self) -> Result<u32, Problem> {
        let limit = self.number("limit", u64::from(LIMIT_DEFAULT), u64::from(LIMIT_MAX))?;
        Ok(u32::try_from(limit).unwrap_or(LIMIT_MAX))
    }

    /// A point in time, RFC 3339.
    pub(super) fn since(&self) -> Result<Option<UnixNanos>, Problem> {
        let Some(given) = self.get("since") else { return Ok(None) };
        let time = given.parse::<jiff::Timestamp>().ok();
        let nanos = time.and_then(|time| u64::try_from(time.as_nanosecond()).ok());
        nanos.map(|nanos| Some(UnixNanos(nanos))).ok_or_else(|| {
            Problem::bad_request("since must be a time such as 2026-11-16T10:30:00Z, with its `+` as %2B")
        })
    }

    /// What is asked of errors.
    pub(super) fn filter(&self) -> Result<ClusterFilter, Problem> {
        let text = self.get("text").or_else(|| self.get("q"));
        if text.is_some_and(|text| text.len() > TEXT_BYTES_MAX) {
            return Err(Problem::bad_request(format!("text may have {TEXT_BYTES_MAX} bytes")));
        }
        Ok(ClusterFilter {
            ids: None,
            seen_since: self.since()?,
            urgent: self.flag("urgent")? == Some(true),
            fixable: self.flag("fixable")? == Some(true),
            unclassified: self.flag("unclassified")? == Some(true),
            service: self.get("service").map(str::to_owned),
            category: self.parsed("category")?,
            severities: self.list("severity")?,
            statuses: self.list("status")?,
            text: text.map(str::to_owned),
            after: self.parsed::<Cursor>("cursor")?,
            limit: Some(self.limit()?),
        })
    }
}

fn read<T: FromStr>(name: &str, value: &str) -> Result<T, Problem>
where
    T::Err: Display,
{
    value
        .parse()
        .map_err(|error: T::Err| Problem::bad_request(format!("{name}: {}", shown(&error.to_string()))))
}

/// The beginning of what a caller wrote: what it is told need not be as long.
fn shown(text: &str) -> String {
    text.chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ClusterStatus, Severity};

    fn params(given: &[(&str, &str)]) -> Params {
        Params(given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_filter_is_read_from_names_and_values() {
        let filter = params(&[
            ("service", "shop"),
            ("severity", "high, critical"),
            ("status", "new"),
            ("status", "ongoing"),
            ("q", "key"),
            ("since", "1970-01-01T00:00:01Z"),
            ("fixable", "true"),
            ("limit", "7"),
            ("unknown", "x"),
        ]);
        let expected = ClusterFilter {
            seen_since: Some(UnixNanos::from_secs(1)),
            service: Some("shop".into()),
            severities: vec![Severity::High, Severity::Critical],
            statuses: vec![ClusterStatus::New, ClusterStatus::Ongoing],
            text: Some("key".into()),
            fixable: true,
            limit: Some(7),
            ..ClusterFilter::default()
        };
        assert_eq!(filter.filter(), Ok(expected));
    }

    #[test]
    fn what_cannot_be_read_is_told_by_its_name() {
        for (name, value) in [
            ("severity", "grave"),
            ("status", "new,gone"),
            ("category", "No Such"),
            ("since", "yesterday"),
            ("cursor", "x"),
            ("limit", "0"),
            ("limit", "-1"),
            ("fixable", "perhaps"),
            ("text", &"x".repeat(300)),
        ] {
            let told = format!("{:?}", params(&[(name, value)]).filter().unwrap_err());
            assert!(told.contains(name), "{told}");
        }
        assert_eq!(params(&[("limit", "")]).limit(), Ok(100), "an empty value is none");
    }
}
