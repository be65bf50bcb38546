//! The minutes being gathered: when they end, and how one request's records fold into deltas.
//!
//! In come the analyses of matched records. Out goes one [`Delta`](crate::model::Delta) for each cluster of the request.
//! The moka caches here only save work: which clusters the store knows already, which requests were counted already.
//! The store decides both again, so losing the caches on a restart changes no count. How many clusters a window keeps apart is
//! bounded here too: [`Place`] tells where an occurrence past the bound is counted.

mod alignment;
mod dedupe;
mod fold;
mod places;

pub use alignment::Alignment;
pub use dedupe::{Dedupe, Live};
pub use fold::{Fold, LookedUp, Occurrence};
pub use places::Place;
