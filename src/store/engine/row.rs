//! One row of an answer, of either database.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{ColumnIndex, Row as _, TypeInfo as _, ValueRef as _};

use crate::model::UnixNanos;

/// A row. Columns go by name or place.
#[derive(Debug)]
pub(in crate::store) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    /// A text.
    pub(in crate::store) fn text<I>(&self, column: I) -> Result<String, sqlx::Error>
    where
        I: ColumnIndex<SqliteRow> + ColumnIndex<PgRow>,
    {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }

    /// A text that may be missing.
    pub(in crate::store) fn text_or_none<I>(&self, column: I) -> Result<Option<String>, sqlx::Error>
    where
        I: ColumnIndex<SqliteRow> + ColumnIndex<PgRow>,
    {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }

    /// A whole number that may be missing.
    pub(in crate::store) fn integer_or_none<I>(&self, column: I) -> Result<Option<i64>, sqlx::Error>
    where
        I: ColumnIndex<SqliteRow> + ColumnIndex<PgRow> + Copy,
    {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            // What a statement computes, as in CASE … THEN 1, has 32 bits there.
            Self::Postgres(row) => {
                let value = row.try_get_raw(column)?;
                if !value.is_null() && value.type_info().name() == "INT4" {
                    return row.try_get::<i32, _>(column).map(|number| Some(number.into()));
                }
                row.try_get(column)
            }
        }
    }

    /// A whole number.
    pub(in crate::store) fn integer<I>(&self, column: I) -> Result<i64, sqlx::Error>
    where
        I: ColumnIndex<SqliteRow> + ColumnIndex<PgRow> + Copy,
    {
        self.integer_or_none(column)?.ok_or(sqlx::Error::RowNotFound)
    }

    /// A count; below zero is none.
    pub(in crate::store) fn number<I>(&self, column: I) -> Result<u64, sqlx::Error>
    where
        I: ColumnIndex<SqliteRow> + ColumnIndex<PgRow> + Copy,
    {
        self.integer(column).map(|number| u64::try_from(number).unwrap_or(0))
    }

    /// Yes or no.
    pub(in crate::store) fn flag<I>(&self, column: I) -> Result<bool, sqlx::Error>
    where
        I: ColumnIndex<SqliteRow> + ColumnIndex<PgRow> + Copy,
    {
        self.integer(column).map(|number| number != 0)
    }

    /// A point in time.
    pub(in crate::store) fn time<I>(&self, column: I) -> Result<UnixNanos, sqlx::Error>
    where
        I: ColumnIndex<SqliteRow> + ColumnIndex<PgRow> + Copy,
    {
        self.integer(column).map(UnixNanos::from_i64)
    }

    /// A point in time that may be missing.
    pub(in crate::store) fn time_or_none<I>(&self, column: I) -> Result<Option<UnixNanos>, sqlx::Error>
    where
        I: ColumnIndex<SqliteRow> + ColumnIndex<PgRow> + Copy,
    {
        self.integer_or_none(column).map(|time| time.map(UnixNanos::from_i64))
    }

    /// A number with a fraction.
    pub(in crate::store) fn real<I>(&self, column: I) -> Result<f64, sqlx::Error>
    where
        I: ColumnIndex<SqliteRow> + ColumnIndex<PgRow>,
    {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }
}
