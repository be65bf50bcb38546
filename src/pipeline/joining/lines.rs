//! Whether a line belongs to the trace before it, told by its first bytes and by what is open.
//!
//! A collector that reads files may have taken the white space off each line, so that indentation is a hint and never needed.

use super::kind::{
    Kind, Language, begins_with_time, closes, is_go_function, is_name, is_numbered, is_of_report, kind,
};
use crate::fingerprint::is_frame;

/// How a line stands to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It begins anew.
    New,
    /// It belongs to them if a line that surely does follows, such as a frame.
    Maybe,
    /// It belongs to them, and so do those that only may.
    Part,
}

/// What is open after the lines so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    stage: Stage,
    language: Language,
    /// How many lines of any text may still follow: a source line, a message.
    loose: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// An ordinary line.
    Line,
    /// A line that stands above frames; none came yet.
    Titled,
    /// Frames.
    Trace,
}

impl Shape {
    /// What is open after a first line; and whether that line is from the middle of a trace, whose head is missing.
    pub(super) fn of(line: &[u8]) -> (Self, bool) {
        match kind(line) {
            Kind::Uncaught(language) | Kind::Title(language) => (Self::titled(language), false),
            // A record of several lines is a whole, however it begins.
            Kind::Inside(language) => (Self::inside(language), !line.trim_ascii_end().contains(&b'\n')),
            Kind::Other => (Self { stage: Stage::Line, language: Language::Any, loose: 0 }, false),
        }
    }

    /// How the next line stands to what is open. After [`Step::New`] the shape is of no use.
    #[inline]
    pub(super) fn step(&mut self, line: &[u8]) -> Step {
        match kind(line) {
            Kind::Uncaught(_) => Step::New,
            // So Node prints the errors that an error is made of.
            Kind::Title(Language::Any) if self.is_in_any() && line.starts_with(b"    ") => Step::Part,
            Kind::Title(language) => self.title(language),
            Kind::Inside(language) => self.enter(language),
            Kind::Other if self.stage == Stage::Line => Step::New,
            Kind::Other => self.other(line),
        }
    }

    /// Whether an ordinary line is all there is.
    pub(super) fn is_line(self) -> bool {
        self.stage == Stage::Line
    }

    /// Whether frames are open of a language without rules of its own.
    fn is_in_any(self) -> bool {
        (self.stage, self.language) == (Stage::Trace, Language::Any)
    }

    fn titled(language: Language) -> Self {
        let loose = match language {
            Language::Rust => 1,
            Language::Native => 3,
            // A message of a few lines.
            Language::Any => 2,
            _ => 0,
        };
        Self { stage: Stage::Titled, language, loose }
    }

    fn inside(language: Language) -> Self {
        Self { stage: Stage::Trace, language, loose: u8::from(language == Language::Python) }
    }

    fn title(&mut self, language: Language) -> Step {
        match (self.stage, self.language) {
            (Stage::Line, _) => *self = Self::titled(language),
            (Stage::Titled, Language::Any) if language == Language::Python => *self = Self::titled(language),
            (_, Language::PythonChained) => {
                *self = Self::titled(language);
                return Step::Part;
            }
            // The last line of a traceback looks as what stands above a trace of another language does.
            (Stage::Trace, Language::Python) if language == Language::Any => {
                *self = Self::inside(Language::PythonNamed);
                return Step::Part;
            }
            _ => return Step::New,
        }
        Step::Maybe
    }

    fn enter(&mut self, language: Language) -> Step {
        if language == Language::Any {
            if self.stage == Stage::Titled {
                self.loose = 0;
            }
            self.stage = Stage::Trace;
        } else {
            *self = Self::inside(language);
        }
        Step::Part
    }

    /// A line that could be anything, while a trace is open.
    fn other(&mut self, line: &[u8]) -> Step {
        let text = line.trim_ascii();
        if text.is_empty() {
            return Step::Maybe;
        }
        let belongs = match self.language {
            Language::Python => return self.of_python(line, text),
            Language::PythonNamed => text.starts_with(b"|") || text.starts_with(b"+"),
            Language::Go if is_go_function(text) => return Step::Maybe,
            Language::Go => text.starts_with(b"exit status "),
            Language::Native => is_of_report(text),
            Language::Rust => self.stage == Stage::Trace && is_numbered(text),
            Language::Any | Language::PythonChained => self.stage == Stage::Trace && closes(line, text),
        };
        if belongs {
            Step::Part
        } else if is_frame(text) {
            self.enter(Language::Any)
        } else if self.loose > 0 && !begins_with_time(text) {
            self.loose -= 1;
            if self.language == Language::Rust { Step::Part } else { Step::Maybe }
        } else {
            Step::New
        }
    }

    /// Source lines, what is drawn beside them, and at last the exception.
    fn of_python(&mut self, line: &[u8], text: &[u8]) -> Step {
        let is_drawn =
            ["|", "+", "│", "╭", "╰", "└", "❱"].iter().any(|mark| text.starts_with(mark.as_bytes()));
        let is_indented = line.starts_with(b"    ") || line.starts_with(b"\t");
        if self.stage == Stage::Trace && (is_drawn || is_indented) {
            self.loose = 0;
            Step::Part
        } else if is_drawn {
            self.enter(Language::Python)
        } else if self.loose > 0 && !begins_with_time(text) {
            self.loose -= 1;
            Step::Part
        } else if self.stage == Stage::Trace && is_name(text) {
            self.enter(Language::PythonNamed)
        } else {
            Step::New
        }
    }
}
