//! A stack trace: the service's own frames stand out, those of libraries between them are folded.

use super::text::{self, LINE_MAX};
use crate::model::{Cluster, Frame};

/// How much of a trace is shown as it was logged, in bytes.
const RAW_BYTES_MAX: usize = 32 * 1024;

/// The frames in groups, innermost first, and the trace as it was logged.
pub(super) struct Stack {
    pub(super) groups: Vec<Group>,
    pub(super) raw: String,
}

/// Frames in a row that are all the service's own, or all not.
pub(super) struct Group {
    pub(super) in_app: bool,
    pub(super) frames: Vec<Shown>,
}

/// One frame.
pub(super) struct Shown {
    pub(super) file: String,
    pub(super) line: String,
    pub(super) function: String,
}

impl Stack {
    pub(super) fn of(cluster: &Cluster) -> Self {
        let frames = &cluster.detail.frames;
        let groups = frames.chunk_by(|one, next| one.in_app == next.in_app);
        let group = |frames: &[Frame]| Group {
            in_app: frames.first().is_some_and(|frame| frame.in_app),
            frames: frames.iter().map(shown).collect(),
        };
        Self {
            groups: groups.map(group).collect(),
            raw: text::block(&cluster.detail.stack_trace, RAW_BYTES_MAX),
        }
    }
}

fn shown(frame: &Frame) -> Shown {
    Shown {
        file: text::line(&frame.file, LINE_MAX),
        line: frame.line.map(|line| line.to_string()).unwrap_or_default(),
        function: text::line(&frame.function, LINE_MAX),
    }
}
