//! What was asked of Claude since the start: calls, tokens and dollars, by what for and by model.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{ClaudeError, Usage, price};
use crate::model::{Durations, Expense};

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered.
    Answered,
    /// It was not answered, or not to the end, after every try.
    Failed,
    /// It was refused: the key, the request, or a limit of the account.
    Refused,
    /// It was never made: a limit of ours stood against it.
    OverBudget,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 4] = [Self::Answered, Self::Failed, Self::Refused, Self::OverBudget];

    /// The name in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::OverBudget => "over_budget",
        }
    }

    /// How a call ended that was not answered.
    #[must_use]
    pub fn of(error: &ClaudeError) -> Self {
        if error.is_transient() || error.may_cost() { Self::Failed } else { Self::Refused }
    }
}

/// What was asked for one purpose of one model.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Asked {
    calls: [u64; Outcome::ALL.len()],
    /// Tokens read anew.
    pub input_tokens: u64,
    /// Tokens written to the cache.
    pub cache_creation_tokens: u64,
    /// Tokens read from the cache.
    pub cache_read_tokens: u64,
    /// Tokens answered.
    pub output_tokens: u64,
    /// US dollars.
    pub usd: f64,
}

impl Asked {
    /// Calls that ended like this.
    #[must_use]
    pub fn calls(&self, outcome: Outcome) -> u64 {
        self.calls[outcome as usize]
    }
}

/// The tally; whoever asks shares it, so that a process has one.
#[derive(Debug)]
pub struct Tally {
    asked: Mutex<BTreeMap<(&'static str, &'static str), Asked>>,
    took: Arc<Durations>,
}

impl Default for Tally {
    fn default() -> Self {
        Self { asked: Mutex::default(), took: Arc::new(Durations::slow()) }
    }
}

impl Tally {
    /// What was asked for this of a model.
    #[must_use]
    pub fn of(&self, expense: Expense, model: &str) -> Asked {
        let key = (expense.as_str(), price::known_name(model));
        self.asked().get(&key).copied().unwrap_or_default()
    }

    /// How long calls took, all tries and waits included.
    #[must_use]
    pub fn took(&self) -> Arc<Durations> {
        Arc::clone(&self.took)
    }

    /// Counts a call, and what an answer used up.
    pub fn count(&self, expense: Expense, model: &str, outcome: Outcome, usage: &Usage) {
        let mut all = self.asked();
        let asked = all.entry((expense.as_str(), price::known_name(model))).or_default();
        asked.calls[outcome as usize] += 1;
        asked.input_tokens += usage.input_tokens.unwrap_or(0);
        asked.cache_creation_tokens += usage.cache_creation_input_tokens.unwrap_or(0);
        asked.cache_read_tokens += usage.cache_read_input_tokens.unwrap_or(0);
        asked.output_tokens += usage.output_tokens.unwrap_or(0);
        asked.usd += price::cost_usd(model, usage);
    }

    /// Numbers cannot be left half changed in a way that matters, so a panic elsewhere does not end the counting.
    fn asked(&self) -> MutexGuard<'_, BTreeMap<(&'static str, &'static str), Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_told_apart_by_purpose_model_and_outcome() {
        let tally = Tally::default();
        let usage = Usage { input_tokens: Some(1_000_000), output_tokens: Some(7), ..Usage::default() };
        tally.count(Expense::Fix, "claude-opus-5-5", Outcome::Answered, &usage);
        tally.count(Expense::Fix, "claude-opus-5-5", Outcome::Answered, &usage);
        tally.count(Expense::Fix, "claude-opus-5-5", Outcome::OverBudget, &Usage::default());
        tally.count(Expense::Rule, "claude-haiku-5-5", Outcome::Failed, &Usage::default());
        let fixes = tally.of(Expense::Fix, "claude-opus-5-5");
        assert_eq!(Outcome::ALL.map(|outcome| fixes.calls(outcome)), [2, 0, 0, 1]);
        assert_eq!((fixes.input_tokens, fixes.output_tokens), (2_000_000, 14));
        assert!((fixes.usd - 8.000_28).abs() < 1e-9, "{}", fixes.usd);
        assert_eq!(tally.of(Expense::Rule, "claude-haiku-5-5").calls(Outcome::Failed), 1);
        assert_eq!(tally.of(Expense::Triage, "claude-haiku-5-5"), Asked::default());
    }

    #[test]
    fn what_was_refused_is_told_apart_from_what_failed() {
        assert_eq!(Outcome::of(&ClaudeError::Network("cut".into())), Outcome::Failed);
        assert_eq!(Outcome::of(&ClaudeError::Malformed("no JSON".into())), Outcome::Failed);
        let status = http::StatusCode::UNAUTHORIZED;
        assert_eq!(Outcome::of(&ClaudeError::Key { status, message: String::new() }), Outcome::Refused);
    }
}
