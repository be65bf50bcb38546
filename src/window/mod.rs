//! The minutes being gathered: when they end, and how one request's records fold into deltas.
//!
//! In come the analyses of matched records. Out goes one [`Delta`](crate::model::Delta) for each cluster of the request.
//! The moka caches here only save work: which clusters the store knows already, which requests were counted already.
//! The store decides both again, so losing the caches on a restart changes no count.

mod alignment;
mod dedupe;
mod fold;

pub use alignment::Alignment;
pub use dedupe::Dedupe;
pub use fold::{Fold, Occurrence};
