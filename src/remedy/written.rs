//! What is kept of an answered question.

use serde::{Deserialize, Serialize};

use super::edits::Submission;
use super::evidence::Told;
use crate::model::Fix;

/// What Claude submitted, and the evidence that the pull request tells of. The JSON is that of a submission with one more field.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Written {
    #[serde(flatten)]
    pub submission: Submission,
    #[serde(default, rename = "evidence")]
    pub told: Told,
}

impl Written {
    /// What is stored with a fix; `None` where nothing was submitted yet.
    pub(super) fn stored_in(fix: &Fix) -> Option<Self> {
        fix.submission.as_deref().and_then(|json| serde_json::from_str(json).ok())
    }

    /// Stores it with a fix.
    pub(super) fn store_in(&self, fix: &mut Fix) {
        fix.submission = serde_json::to_string(self).ok();
    }
}
