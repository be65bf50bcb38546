//! What was asked of Claude.

use std::sync::Arc;

use crate::claude::{Asked, Outcome, Settings, Tally};
use crate::model::Expense;
use crate::pipeline::Counts;
use crate::telemetry::Metrics;
use crate::{learn, triage};

pub(super) fn claude(metrics: &mut Metrics<Counts>, settings: &Settings) {
    let asked = Expense::ALL.map(|expense| (expense, model(expense, settings)));
    calls(metrics, &settings.tally, asked);
    tokens(metrics, &settings.tally, asked);
    let usd = metrics.counter(
        "logmend_claude_usd",
        "US dollars that Claude cost, by its list of prices and what answers say they used.",
        "{USD}",
    );
    for (expense, model) in asked {
        let tally = Arc::clone(&settings.tally);
        usd.with_real(labels(expense, model), move |_| tally.of(expense, model).usd);
    }
    metrics
        .histogram("logmend_claude_call_seconds", "How long Claude took to answer, tries and waits included.")
        .with_durations([], settings.tally.took());
}

/// Whom each question goes to. A name that has no price is refused by the settings.
fn model(expense: Expense, settings: &Settings) -> &'static str {
    let asked = match expense {
        Expense::Fix => settings.model.as_str(),
        Expense::Rule => learn::question::MODEL,
        Expense::Triage => triage::ADVISING_MODEL,
    };
    crate::claude::price::known_models().into_iter().find(|name| *name == asked).unwrap_or("other")
}

fn labels(expense: Expense, model: &'static str) -> Vec<(&'static str, &'static str)> {
    vec![("kind", expense.as_str()), ("model", model)]
}

fn calls(metrics: &mut Metrics<Counts>, tally: &Arc<Tally>, asked: [(Expense, &'static str); 3]) {
    let calls = metrics.counter("logmend_claude_calls", "Calls of Claude by how they ended.", "{call}");
    for (expense, model) in asked {
        for outcome in Outcome::ALL {
            let tally = Arc::clone(tally);
            let labels = [labels(expense, model), vec![("outcome", outcome.as_str())]].concat();
            calls.with(labels, move |_| tally.of(expense, model).calls(outcome));
        }
    }
}

fn tokens(metrics: &mut Metrics<Counts>, tally: &Arc<Tally>, asked: [(Expense, &'static str); 3]) {
    type Kind = (&'static str, fn(&Asked) -> u64);
    let kinds: [Kind; 4] = [
        ("input", |asked| asked.input_tokens),
        ("cache_creation", |asked| asked.cache_creation_tokens),
        ("cache_read", |asked| asked.cache_read_tokens),
        ("output", |asked| asked.output_tokens),
    ];
    let tokens = metrics.counter(
        "logmend_claude_tokens",
        "Tokens that Claude read anew, wrote to its cache, read from there, and answered.",
        "{token}",
    );
    for (expense, model) in asked {
        for (kind, read) in kinds {
            let tally = Arc::clone(tally);
            let labels = [labels(expense, model), vec![("type", kind)]].concat();
            tokens.with(labels, move |_| read(&tally.of(expense, model)));
        }
    }
}
