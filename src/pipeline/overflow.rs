//! The one cluster that takes in distinct errors past the bounds of [`Fold`](crate::window::Fold): all are counted, none is lost sight of.
//!
//! A line can hold a new word each time, and a million lines a million templates. Kept apart they would fill the store and
//! keep it from committing anything else.

use std::sync::LazyLock;

use crate::model::{Category, ClusterDetail, Fingerprint, Severity, Verdict};
use crate::window::Occurrence;

/// Of no service, type and message: made of a text that no fingerprint is made of.
static FINGERPRINT: LazyLock<Fingerprint> = LazyLock::new(|| {
    let digest = blake3::hash(b"logmend: distinct errors past the bound of a window");
    let mut bits = [0; 16];
    bits.copy_from_slice(&digest.as_bytes()[..16]);
    Fingerprint::from_bytes(bits)
});

static VERDICT: LazyLock<Verdict> = LazyLock::new(|| {
    Verdict {
    rule: "too-many-distinct-errors".into(),
    category: Category::UNKNOWN,
    severity: Severity::Medium,
    fixable: false,
    suggested_fix: "Find the sender whose messages differ each time, look at the examples, and log what differs as an attribute."
        .into(),
}
});

/// The same occurrence, counted with the others that are too many.
pub(super) fn occurrence(one: &Occurrence) -> Occurrence {
    Occurrence { fingerprint: *FINGERPRINT, verdict: VERDICT.clone(), ..*one }
}

/// What is told of them.
pub(super) fn detail() -> ClusterDetail {
    ClusterDetail {
        service: "various".to_owned(),
        message: "more distinct errors than one window keeps apart".to_owned(),
        ..ClusterDetail::default()
    }
}
