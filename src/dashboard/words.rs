//! Names as people read them.

use super::text::{self, LINE_MAX};
use crate::model::{Category, ClusterStatus, Frame};

pub(super) fn status(status: ClusterStatus) -> &'static str {
    match status {
        ClusterStatus::New => "new",
        ClusterStatus::Ongoing => "ongoing",
        ClusterStatus::Regressed => "regressed",
        ClusterStatus::FixProposed => "fix proposed",
        ClusterStatus::Fixed => "fixed",
        ClusterStatus::Ignored => "ignored",
    }
}

/// `rate limit` of `rate_limit_error`.
pub(super) fn category(category: &Category) -> String {
    let name = category.as_str();
    name.strip_suffix("_error").unwrap_or(name).replace('_', " ")
}

/// A component of health.
pub(super) fn component(name: &str) -> String {
    if name == "github" {
        return "GitHub".to_owned();
    }
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// `shop/cart.py:41 in checkout`.
pub(super) fn place(frame: &Frame) -> String {
    let line = frame.line.map(|line| format!(":{line}")).unwrap_or_default();
    let function = if frame.function.is_empty() { String::new() } else { format!(" in {}", frame.function) };
    text::line(&format!("{}{line}{function}", frame.file), LINE_MAX)
}
