//! Attacks that are one request: the table's rows, by what is hostile about them.

mod compressed;
mod fields;
mod heads;
mod json;
mod many;

use super::row::Row;

/// All rows, the cheap ones first.
pub fn all() -> Vec<Row> {
    [heads::rows(), fields::rows(), json::rows(), compressed::rows(), many::rows()]
        .into_iter()
        .flatten()
        .collect()
}
