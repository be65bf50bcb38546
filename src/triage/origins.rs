//! Which window's end began a fix: the trace of the work on it leads back there.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// Fixes that are remembered; the oldest is forgotten for a further one. Budgets let a handful be begun in a day.
const REMEMBERED_MAX: usize = 100;

/// The spans in which fixes were begun; clones share them. Held in memory alone: after a restart a fix has a trace of its own.
#[derive(Debug, Clone, Default)]
pub struct Origins(Arc<Mutex<VecDeque<(String, SpanContext)>>>);

impl Origins {
    /// Notes that a fix is begun in the span that is entered now; nothing where no traces are sent.
    pub(super) fn note(&self, fix_id: &str) {
        let begun = Span::current().context().span().span_context().clone();
        if !begun.is_valid() {
            return;
        }
        let mut remembered = self.remembered();
        if remembered.len() == REMEMBERED_MAX {
            remembered.pop_front();
        }
        remembered.push_back((fix_id.to_owned(), begun));
    }

    /// Has the span of the work on a fix stand in the trace in which the fix was begun, and link to where. That span has ended by
    /// then, which the link tells.
    pub fn lead_back(&self, span: &Span, fix_id: &str) {
        let remembered = self.remembered();
        let Some((_, begun)) = remembered.iter().rev().find(|(id, _)| id == fix_id) else { return };
        // It fails where no traces are sent, or where the span has begun, and then it has a trace of its own.
        let _ = span.set_parent(Context::new().with_remote_span_context(begun.clone()));
        span.add_link(begun.clone());
    }

    /// A panic elsewhere leaves at worst a fix that is not remembered.
    fn remembered(&self) -> MutexGuard<'_, VecDeque<(String, SpanContext)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
