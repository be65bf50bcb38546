//! Text of logs as it may stand in a prompt: redacted, bounded, without control codes, in tags that no log line can close.
//!
//! A log line can hold instructions to the model. The tags mark it as evidence, and whoever asks says in the system text
//! what the tags mean. Their name holds a nonce, so that a line cannot end its own block.

use std::hash::{BuildHasher, Hasher, RandomState};

use crate::redact;

/// A number that nobody can guess: the standard library seeds its hash maps with one against the same kind of sender.
#[must_use]
pub fn nonce() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// The tags of one prompt.
#[derive(Debug, Clone, Copy)]
pub struct DataTags {
    nonce: u64,
}

impl DataTags {
    /// Tags named after `nonce`, which must not be guessable.
    #[must_use]
    pub fn new(nonce: u64) -> Self {
        Self { nonce }
    }

    /// A block of log text under its name, at most so many bytes of it.
    #[must_use]
    pub fn block(&self, name: &str, text: &str, bytes_max: usize) -> String {
        let (data, nonce) = (safe(text, bytes_max), self.nonce);
        format!("\n{name}:\n<log-data-{nonce:016x}>\n{data}\n</log-data-{nonce:016x}>\n")
    }
}

/// Text of a log without secrets and control codes, at most so many bytes of it.
#[must_use]
pub fn safe(text: &str, bytes_max: usize) -> String {
    let text = redact::redact(redact::cut(text, bytes_max * 2)).into_owned();
    redact::cut(&redact::plain(&text), bytes_max).to_owned()
}
