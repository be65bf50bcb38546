//! Takes out of text what must not leave, and takes the effect from what must have none.
//!
//! In comes text that anybody may have written: log lines, a model's answer. [`redact`] masks secrets and personal data
//! before it is stored, sent or shown. [`plain`] drops what a terminal would obey. [`fence`], [`neutralise_inline`] and
//! [`neutralise_markdown`] make it inert in a pull request: no mention, closing keyword, link or HTML of it takes effect.

mod doubt;
mod markdown;
mod secrets;
#[cfg(test)]
mod tests;

pub use markdown::{cut, fence, neutralise_inline, neutralise_markdown, plain};
pub use secrets::{contains_secret, redact};
