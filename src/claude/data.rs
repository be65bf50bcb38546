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
    // Codes of colours first: one in the midst of a password's name hides it.
    let text = redact::plain(redact::cut(text, bytes_max * 2));
    redact::cut(&redact::redact(&text), bytes_max).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_do_not_hide_a_secret() {
        for line in [
            "\u{1b}[3mpassword\u{1b}[0m\u{1b}[2m=\u{1b}[0m\"hunter2hunter2\"",
            "password=\u{1b}[31mhunter2hunter2",
        ] {
            let shown = safe(line, 1_000);
            assert!(shown.contains("[REDACTED:secret]") && !shown.contains("hunter2"), "{shown}");
        }
    }
}
