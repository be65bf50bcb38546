//! How much may be spent and opened, and what it is told as when no more may.

use serde::Serialize;

use super::UnixNanos;

/// What Claude is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expense {
    /// A fix, its repair included.
    Fix,
    /// A rule for an error that none knows.
    Rule,
    /// Which errors are most likely mended.
    Triage,
}

impl Expense {
    /// Everything that Claude is asked for.
    pub const ALL: [Self; 3] = [Self::Fix, Self::Rule, Self::Triage];

    /// The name in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fix => "fix",
            Self::Rule => "rule",
            Self::Triage => "triage",
        }
    }
}

/// The bounds on what is spent and opened, all of them counted in the store. Days are 24 hours and months 30 days, up to now.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// US dollars for one fix. Default 2: three times what one costs as a rule.
    pub usd_per_fix: f64,
    /// US dollars in a day, for everything that Claude is asked. Default 20.
    pub usd_per_day: f64,
    /// US dollars in a month. Default 200.
    pub usd_per_month: f64,
    /// Answers of the model for one fix, over all restarts. Default 24.
    pub calls_per_fix: u64,
    /// Tokens read for one fix that do not come from the cache. Default 400,000.
    pub uncached_tokens_per_fix: u64,
    /// Pull requests opened in an hour. Default 2: people read one well, and two are a morning.
    pub pull_requests_per_hour: u64,
    /// Pull requests opened in a day. Default 5.
    pub pull_requests_per_day: u64,
    /// Pull requests that stand open. Default 5, as Dependabot has it.
    pub open_pull_requests: u64,
    /// Pull requests that stand open in one repository. Default 5.
    pub open_pull_requests_per_repository: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            usd_per_fix: 2.0,
            usd_per_day: 20.0,
            usd_per_month: 200.0,
            calls_per_fix: 24,
            uncached_tokens_per_fix: 400_000,
            pull_requests_per_hour: 2,
            pull_requests_per_day: 5,
            open_pull_requests: 5,
            open_pull_requests_per_repository: 5,
        }
    }
}

/// Why Claude is not asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Exceeded {
    /// One fix has used up its money.
    #[error(
        "stopped by budget: ${limit:.2} for one fix (${spent:.2} are spent or reserved; LOGMEND_MAX_USD_PER_FIX)"
    )]
    Fix {
        /// US dollars that it may cost.
        limit: f64,
        /// US dollars that are spent or reserved.
        spent: f64,
    },
    /// One fix has used up its calls.
    #[error("stopped by budget: {0} calls of the model")]
    Calls(u64),
    /// One fix has used up its tokens.
    #[error("stopped by budget: {0} tokens that were not cached")]
    Tokens(u64),
    /// The day's money is used up.
    #[error("the budget of a day, ${0:.2}, is spent (LOGMEND_MAX_USD_PER_DAY)")]
    Day(f64),
    /// The month's money is used up.
    #[error("the budget of 30 days, ${0:.2}, is spent (LOGMEND_MAX_USD_PER_MONTH)")]
    Month(f64),
    /// Claude's account takes no more calls.
    #[error("{}", .0.told())]
    Breaker(Breaker),
}

impl Exceeded {
    /// Whether the same is possible again later.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(self, Self::Day(_) | Self::Month(_) | Self::Breaker(_))
    }
}

/// Claude's account is not used until a time, or until people say so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Breaker {
    /// What Claude said.
    pub reason: String,
    /// Since when.
    pub opened_at: UnixNanos,
    /// Until when.
    pub until: UnixNanos,
}

impl Breaker {
    /// The sentence for people.
    #[must_use]
    pub fn told(&self) -> String {
        format!(
            "{}; Claude is not asked until {}, or until POST /error-monitor/monitor/start",
            self.reason, self.until
        )
    }
}

/// Why no pull request is opened now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Cap {
    /// In an hour.
    #[error("{0} pull requests were opened within an hour, as many as may be (LOGMEND_MAX_PRS_PER_HOUR)")]
    PerHour(u64),
    /// In a day.
    #[error("{0} pull requests were opened in 24 hours, as many as may be (LOGMEND_MAX_PRS_PER_DAY)")]
    PerDay(u64),
    /// Standing open.
    #[error("{0} pull requests stand open, as many as may (LOGMEND_MAX_OPEN_PRS)")]
    Open(u64),
    /// Standing open in one repository.
    #[error("{0} pull requests stand open in the repository, as many as may (LOGMEND_MAX_OPEN_PRS_PER_REPO)")]
    OpenInRepository(u64),
}
