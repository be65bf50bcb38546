//! One statement with its values.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::ser::{Serialize, SerializeSeq as _, Serializer};

/// A statement as PostgreSQL reads it, with `$1` for its first value. What SQLite writes otherwise is rewritten for it:
/// `GREATEST` and `LEAST`; [`Rows`], which stand where the statement says `{rows}`; and `FOR SHARE`, which it does not need.
#[derive(Debug, Clone)]
pub(in crate::store) struct Statement {
    text: Cow<'static, str>,
    values: Vec<Value>,
    rows: Option<Rows>,
}

/// A value of a statement. Whole numbers, times and truth are all 64-bit integers, as the columns are.
#[derive(Debug, Clone)]
pub(in crate::store) enum Value {
    Integer(Option<i64>),
    Real(f64),
    Text(Option<String>),
}

/// Many rows as one value: columns of equal length, each with its name.
///
/// PostgreSQL gets one array for each column (`unnest`), SQLite one JSON text (`json_each`): in both, one statement
/// for a thousand rows.
#[derive(Debug, Clone, Default)]
pub(in crate::store) struct Rows {
    pub(super) columns: Vec<(&'static str, Column)>,
}

/// The values of one column.
#[derive(Debug, Clone)]
pub(super) enum Column {
    Integers(Vec<i64>),
    Texts(Vec<String>),
}

/// A statement without values.
pub(in crate::store) fn sql(text: impl Into<Cow<'static, str>>) -> Statement {
    Statement { text: text.into(), values: Vec::new(), rows: None }
}

impl Statement {
    /// The same with one more value.
    pub(in crate::store) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// The same with the rows that `{rows}` stands for. They come after all other values.
    pub(in crate::store) fn with(mut self, rows: Rows) -> Self {
        self.rows = Some(rows);
        self
    }

    /// Appends what SQLite reads, and the values; `$1` is written as the number that its first value has among all of them.
    pub(super) fn for_sqlite(self, all: &mut String, all_values: &mut Vec<Value>) {
        let before = all_values.len();
        let Self { text, values, rows } = self;
        let at = before + values.len() + 1;
        all_values.extend(values);
        let mut rest = &*text;
        while let Some(place) = rest.find(['$', '{', 'G', 'L', 'F']) {
            all.push_str(&rest[..place]);
            rest = &rest[place..];
            let other = [("GREATEST(", "max("), ("LEAST(", "min("), ("FOR SHARE", "")];
            if let Some((word, other)) = other.into_iter().find(|(word, _)| rest.starts_with(word)) {
                all.push_str(other);
                rest = &rest[word.len()..];
            } else if let Some(after) = rest.strip_prefix("{rows}") {
                if let Some(rows) = &rows {
                    rows.write_for_sqlite(at, all);
                }
                rest = after;
            } else {
                let digits = rest[1..].find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len() - 1);
                let number = rest.starts_with('$').then(|| rest[1..=digits].parse::<usize>().ok()).flatten();
                match number {
                    Some(number) => _ = write!(all, "${}", before + number),
                    None => all.push_str(&rest[..=digits]),
                }
                rest = &rest[1 + digits..];
            }
        }
        all.push_str(rest);
        all_values.extend(rows.map(|rows| Value::Text(Some(rows.to_json()))));
    }

    pub(super) fn for_postgres(self) -> (String, Vec<Value>, Vec<Column>) {
        let Self { text, values, rows } = self;
        let Some(rows) = rows else { return (text.into_owned(), values, Vec::new()) };
        let first = values.len() + 1;
        let arrays = rows.columns.iter().enumerate().map(|(n, (_, column))| match column {
            Column::Integers(_) => format!("${}::bigint[]", first + n),
            Column::Texts(_) => format!("${}::text[]", first + n),
        });
        let names = rows.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let arrays = arrays.collect::<Vec<_>>().join(", ");
        let text = text.replace("{rows}", &format!("unnest({arrays}) AS rows({names})"));
        (text, values, rows.columns.into_iter().map(|(_, column)| column).collect())
    }
}

impl<T: Into<Cow<'static, str>>> From<T> for Statement {
    fn from(text: T) -> Self {
        sql(text)
    }
}

impl Rows {
    /// The same with a column of numbers.
    pub(in crate::store) fn integers(
        mut self,
        name: &'static str,
        values: impl IntoIterator<Item = i64>,
    ) -> Self {
        self.columns.push((name, Column::Integers(values.into_iter().collect())));
        self
    }

    /// The same with a column of texts.
    pub(in crate::store) fn texts<T: Into<String>>(
        mut self,
        name: &'static str,
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        self.columns.push((name, Column::Texts(values.into_iter().map(Into::into).collect())));
        self
    }

    /// What selects them from the JSON text that is the value of this number.
    fn write_for_sqlite(&self, at: usize, all: &mut String) {
        all.push_str("(SELECT ");
        for (n, (name, _)) in self.columns.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            let _ = write!(all, "{comma}json_extract(value, '$[{n}]') AS {name}");
        }
        let _ = write!(all, " FROM json_each(${at})) AS rows");
    }

    #[expect(clippy::expect_used, reason = "numbers and texts are always JSON")]
    fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers and texts")
    }
}

/// As SQLite reads them: an array of rows, each an array of its values.
impl Serialize for Rows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let count = self.columns.first().map_or(0, |(_, column)| column.len());
        serializer.collect_seq((0..count).map(|n| JsonRow { columns: &self.columns, n }))
    }
}

/// The row of this number.
struct JsonRow<'r> {
    columns: &'r [(&'static str, Column)],
    n: usize,
}

impl Serialize for JsonRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_seq(Some(self.columns.len()))?;
        for (_, column) in self.columns {
            match column {
                Column::Integers(values) => row.serialize_element(&values.get(self.n))?,
                Column::Texts(values) => row.serialize_element(&values.get(self.n))?,
            }
        }
        row.end()
    }
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Integers(values) => values.len(),
            Self::Texts(values) => values.len(),
        }
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(Some(value))
    }
}

impl From<Option<i64>> for Value {
    fn from(value: Option<i64>) -> Self {
        Self::Integer(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Integer(Some(value.into()))
    }
}

impl From<u8> for Value {
    fn from(value: u8) -> Self {
        Self::Integer(Some(value.into()))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Integer(Some(value.into()))
    }
}

/// What is more than the column holds is the most that it holds.
impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Integer(Some(i64::try_from(value).unwrap_or(i64::MAX)))
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

/// PostgreSQL has no text with a NUL in it.
impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.replace('\0', "\u{fffd}")))
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        value.as_str().into()
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Self {
        value.as_str().into()
    }
}

impl From<&Option<String>> for Value {
    fn from(value: &Option<String>) -> Self {
        Self::Text(value.as_ref().map(|text| text.replace('\0', "\u{fffd}")))
    }
}

impl From<Option<&str>> for Value {
    fn from(value: Option<&str>) -> Self {
        Self::Text(value.map(|text| text.replace('\0', "\u{fffd}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_arrays_for_the_one_and_json_for_the_other() {
        let rows = Rows::default().texts("id", ["a", "b"]).integers("n", [1, 2]);
        let statement = sql("INSERT INTO t SELECT id, GREATEST(n, $1) FROM {rows}").bind(7_i64).with(rows);
        let (text, values, columns) = statement.clone().for_postgres();
        assert_eq!(
            text,
            "INSERT INTO t SELECT id, GREATEST(n, $1) FROM unnest($2::text[], $3::bigint[]) AS rows(id, n)"
        );
        assert_eq!((values.len(), columns.len()), (1, 2));
        let (mut text, mut values) = ("BEGIN; ".to_owned(), vec![Value::Integer(None)]);
        statement.for_sqlite(&mut text, &mut values);
        assert_eq!(
            text,
            "BEGIN; INSERT INTO t SELECT id, max(n, $2) FROM (SELECT json_extract(value, '$[0]') AS id, \
             json_extract(value, '$[1]') AS n FROM json_each($3)) AS rows"
        );
        assert!(matches!(&values[2], Value::Text(Some(json)) if json == r#"[["a",1],["b",2]]"#));
    }
}
