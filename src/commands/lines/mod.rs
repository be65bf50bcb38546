//! Lines of log files, for the commands that read them.

mod level;
mod names;
mod plain;
mod source;

pub(super) use self::level::level;
pub(super) use self::names::expanded;
pub(super) use self::plain::Consumed;
pub(super) use self::source::{Lines, Next, is_stdin};
