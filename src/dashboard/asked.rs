//! What a reader asks of the list: all of it stands in the address, so that it can be sent to others and gone back to.

use std::fmt::Write as _;

use serde::Deserialize;

use super::problem::Trouble;
use crate::model::{ClusterStatus, UnixNanos};
use crate::store::ClusterFilter;

/// How many errors a page of the list has.
pub(super) const PAGE_LENGTH: u32 = 50;
/// How long a text may be that is searched for, in bytes.
const TEXT_BYTES_MAX: usize = 200;

/// What stands where nobody has decided yet: what a reader sees first.
const OPEN: [ClusterStatus; 4] =
    [ClusterStatus::New, ClusterStatus::Ongoing, ClusterStatus::Regressed, ClusterStatus::FixProposed];

/// The choices of each list, as the address has them and as people read them.
pub(super) const SEVERITIES: &[(&str, &str)] = &[
    ("", "Any severity"),
    ("critical,high", "Critical and high"),
    ("critical", "Critical"),
    ("high", "High"),
    ("medium", "Medium"),
    ("low", "Low"),
    ("info", "Info"),
];
pub(super) const STATUSES: &[(&str, &str)] = &[
    ("", "Open"),
    ("all", "Any status"),
    ("new", "New"),
    ("ongoing", "Ongoing"),
    ("regressed", "Regressed"),
    ("fix_proposed", "Fix proposed"),
    ("fixed", "Fixed"),
    ("ignored", "Ignored"),
];
pub(super) const SINCE: &[(&str, &str)] = &[
    ("", "Any time"),
    ("1h", "Last hour"),
    ("24h", "Last 24 hours"),
    ("7d", "Last 7 days"),
    ("30d", "Last 30 days"),
];

/// The address' query.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    pub(super) q: String,
    pub(super) service: String,
    pub(super) category: String,
    pub(super) severity: String,
    pub(super) status: String,
    pub(super) since: String,
    pub(super) cursor: String,
}

impl Asked {
    /// What the store is asked.
    pub(super) fn filter(&self, now: UnixNanos) -> Result<ClusterFilter, Trouble> {
        let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        if self.q.len() > TEXT_BYTES_MAX {
            return Err(Trouble::BadRequest(format!("q: a text may have {TEXT_BYTES_MAX} bytes.")));
        }
        let category = some(&self.category).map(|name| name.parse().map_err(unknown("category")));
        Ok(ClusterFilter {
            seen_since: self.seen_since(now)?,
            service: some(&self.service),
            category: category.transpose()?,
            severities: each(&self.severity, "severity")?,
            statuses: self.statuses()?,
            text: some(&self.q),
            after: some(&self.cursor).map(|at| at.parse().map_err(unknown("cursor"))).transpose()?,
            limit: Some(PAGE_LENGTH),
            ..ClusterFilter::default()
        })
    }

    fn statuses(&self) -> Result<Vec<ClusterStatus>, Trouble> {
        match self.status.as_str() {
            "" | "open" => Ok(OPEN.to_vec()),
            "all" => Ok(Vec::new()),
            names => each(names, "status"),
        }
    }

    fn seen_since(&self, now: UnixNanos) -> Result<Option<UnixNanos>, Trouble> {
        let hours = match self.since.as_str() {
            "" => return Ok(None),
            "1h" => 1,
            "24h" => 24,
            "7d" => 7 * 24,
            "30d" => 30 * 24,
            _ => return Err(Trouble::BadRequest("since must be 1h, 24h, 7d or 30d.".to_owned())),
        };
        Ok(Some(UnixNanos(now.0.saturating_sub(UnixNanos::from_secs(hours * 3_600).0))))
    }

    /// Whether the reader narrowed the list.
    pub(super) fn is_narrowed(&self) -> bool {
        let Self { q, service, category, severity, status, since, .. } = self;
        [q, service, category, severity, status, since].into_iter().any(|part| !part.is_empty())
    }

    /// Whether it is the list's beginning.
    pub(super) fn is_first_page(&self) -> bool {
        self.cursor.is_empty()
    }

    /// The address of the list with this cursor.
    pub(super) fn at(&self, cursor: &str) -> String {
        let pairs = [
            ("q", self.q.as_str()),
            ("service", &self.service),
            ("category", &self.category),
            ("severity", &self.severity),
            ("status", &self.status),
            ("since", &self.since),
            ("cursor", cursor),
        ];
        let given = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        let query: Vec<_> = given.map(|(key, value)| format!("{key}={}", percent(value))).collect();
        if query.is_empty() { "/".to_owned() } else { format!("/?{}", query.join("&")) }
    }
}

fn each<T: std::str::FromStr<Err = crate::model::UnknownName>>(
    names: &str,
    what: &'static str,
) -> Result<Vec<T>, Trouble> {
    let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(|name| name.parse().map_err(unknown(what))).collect()
}

fn unknown<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> Trouble {
    move |error| Trouble::BadRequest(format!("{what}: {error}."))
}

/// A value of a query (RFC 3986, section 2.3).
pub(super) fn percent(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~,".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_of_the_lists_can_be_asked() {
        let now = UnixNanos::from_secs(1_795_608_000);
        for (severity, _) in SEVERITIES {
            for (status, _) in STATUSES {
                for (since, _) in SINCE {
                    let asked = Asked {
                        severity: (*severity).into(),
                        status: (*status).into(),
                        since: (*since).into(),
                        ..Asked::default()
                    };
                    asked.filter(now).unwrap();
                }
            }
        }
        let open = Asked::default().filter(now).unwrap();
        assert!(!open.statuses.contains(&ClusterStatus::Ignored));
    }

    #[test]
    fn what_is_not_known_is_said() {
        for (asked, part) in [
            (Asked { severity: "bad".into(), ..Asked::default() }, "severity"),
            (Asked { status: "bad".into(), ..Asked::default() }, "status"),
            (Asked { category: "No!".into(), ..Asked::default() }, "category"),
            (Asked { since: "1y".into(), ..Asked::default() }, "since"),
            (Asked { cursor: "x".into(), ..Asked::default() }, "cursor"),
            (Asked { q: "x".repeat(201), ..Asked::default() }, "q"),
        ] {
            let told = asked.filter(UnixNanos(0)).unwrap_err().to_string();
            assert!(told.starts_with(part), "{told}");
        }
    }

    #[test]
    fn the_address_holds_all_of_it() {
        let asked = Asked { q: "a b&c=\"".into(), severity: "critical,high".into(), ..Asked::default() };
        assert_eq!(asked.at("07"), "/?q=a%20b%26c%3D%22&severity=critical,high&cursor=07");
        assert_eq!(Asked::default().at(""), "/");
    }
}
