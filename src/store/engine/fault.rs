//! What went wrong at the database, told apart by what helps.

use sqlx::Error;

/// A fault, by what helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Fault {
    /// Two transactions stood in each other's way; the same again will do.
    Collision,
    /// The connection is gone. What was about to be committed may be committed or not.
    ConnectionLost,
    /// The database is not there now, but comes back: it starts, its file is locked, or its disk is full.
    NotNow,
    /// The file is no database, or its content contradicts itself.
    Corrupt,
    /// Another replica leads by now.
    Fenced,
    /// Anything else: no permission, a certificate that nobody vouches for, a mistake of ours.
    Other,
}

/// Codes of SQLite, without what extends them: <https://sqlite.org/rescode.html>.
mod sqlite {
    pub(super) const BUSY: i64 = 5;
    pub(super) const LOCKED: i64 = 6;
    pub(super) const IO: i64 = 10;
    pub(super) const CORRUPT: i64 = 11;
    pub(super) const FULL: i64 = 13;
    pub(super) const NOT_A_DATABASE: i64 = 26;
}

impl Fault {
    /// What kind of fault this is.
    pub(in crate::store) fn of(error: &Error) -> Self {
        match error {
            // What TLS does not accept, such as a certificate, comes as this.
            Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => Self::Other,
            Error::Io(_) | Error::Protocol(_) | Error::WorkerCrashed => Self::ConnectionLost,
            Error::PoolTimedOut => Self::NotNow,
            Error::Configuration(inner) if inner.is::<FencedOff>() => Self::Fenced,
            Error::Database(error) => error.code().map_or(Self::Other, |code| Self::of_code(&code)),
            _ => Self::Other,
        }
    }

    /// SQLite's codes are numbers below 10,000; PostgreSQL's have five characters
    /// (<https://www.postgresql.org/docs/15/errcodes-appendix.html>).
    fn of_code(code: &str) -> Self {
        if code.len() == 5 {
            return match code {
                "40001" | "40P01" => Self::Collision,
                "57P01" | "57P02" | "25P03" | "25P02" => Self::ConnectionLost,
                "57P03" | "55P03" => Self::NotNow,
                // Too many connections, no memory, disk full.
                code if code.starts_with("53") => Self::NotNow,
                // As PgBouncer says that the server is gone.
                code if code.starts_with("08") => Self::ConnectionLost,
                _ => Self::Other,
            };
        }
        match code.parse::<i64>().map(|code| code & 0xff) {
            Ok(sqlite::CORRUPT | sqlite::NOT_A_DATABASE) => Self::Corrupt,
            Ok(sqlite::BUSY | sqlite::LOCKED | sqlite::IO | sqlite::FULL) => Self::NotNow,
            _ => Self::Other,
        }
    }
}

/// A transaction that was begun by a leader whose term is over.
#[derive(Debug, thiserror::Error)]
#[error("another replica leads by now")]
struct FencedOff;

pub(super) fn fenced() -> Error {
    Error::Configuration(Box::new(FencedOff))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_tell_what_helps() {
        for (code, fault) in [
            ("40P01", Fault::Collision),
            ("57P01", Fault::ConnectionLost),
            ("08006", Fault::ConnectionLost),
            ("57P03", Fault::NotNow),
            ("23505", Fault::Other),
            ("5", Fault::NotNow),
            ("517", Fault::NotNow),
            ("11", Fault::Corrupt),
            ("779", Fault::Corrupt),
            ("26", Fault::Corrupt),
            ("53100", Fault::NotNow),
            ("13", Fault::NotNow),
            ("778", Fault::NotNow),
            ("14", Fault::Other),
            ("1546", Fault::NotNow),
        ] {
            assert_eq!(Fault::of_code(code), fault, "{code}");
        }
        assert_eq!(Fault::of(&fenced()), Fault::Fenced);
    }
}
