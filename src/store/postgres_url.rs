//! How `DATABASE_URL` names a PostgreSQL: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?PARAMETERS`.
//!
//! The form is libpq's (PostgreSQL documentation, "Connection URIs"), which asks that reserved characters be
//! percent-encoded. People paste passwords as they are, so those are taken too:
//!
//! - The password ends at the first `@` behind which everything is in order: a host, a port if any, a database without
//!   `@`, and known parameters. `postgres://app:p@ss:w/rd?#%@db:5432/logs` has the password `p@ss:w/rd?#%`.
//! - A percent sign that begins no escape is itself, and so is a text whose escapes make no UTF-8. `+` is never a space.
//!
//! Its limits: a raw password that holds an escape (`50%25`) is decoded; one that reads like the rest of a URL behind an `@`
//! in it (`p@ss?sslmode=require`) ends there; a raw user name ends at its first `:`; and an unknown parameter with an `@`
//! in its value is taken for a part of the password. Percent-encoding says all.

mod parameters;

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;

/// The longest URL that is read; what people write has some hundred bytes.
const LENGTH_MAX: usize = 4_096;
/// PostgreSQL's port (libpq's default).
const PORT: u16 = 5432;
/// Where Supabase's poolers lend connections for one transaction (Supabase documentation, "Connect to your database").
const TRANSACTION_POOLER_PORT: u16 = 6543;
/// What stands in the URLs that Supabase's dashboard shows, for people to replace.
const PLACEHOLDER: &str = "[YOUR-PASSWORD]";

/// A PostgreSQL and how to reach it.
#[derive(Debug, Clone)]
pub struct PostgresSettings {
    /// A name or an address, IPv6 without brackets. Default: `localhost`.
    pub host: String,
    /// Default: 5432.
    pub port: u16,
    /// The folder of the server's socket, which is used instead of host and port: `?host=/var/run/postgresql`, or that
    /// percent-encoded in the host's place.
    pub socket_folder: Option<PathBuf>,
    /// Without one, the driver takes the operating system's name of the user, as libpq does.
    pub user: Option<String>,
    /// The password, which nothing here prints.
    pub password: Option<SecretString>,
    /// Without one, the server takes the user's name (PostgreSQL documentation, "Message Formats", `StartupMessage`).
    pub database: Option<String>,
    /// Whether to speak TLS. Default: [`SslMode::Prefer`].
    pub ssl_mode: SslMode,
    /// Certificates of the authorities to trust, for `verify-ca` and `verify-full`.
    pub ssl_root_cert: Option<PathBuf>,
    /// What the server lists for logmend's connections.
    pub application_name: Option<String>,
    /// How long to wait for a connection; libpq's 0 is none.
    pub connect_timeout: Option<Duration>,
    /// Whether connections are lent for one transaction at a time: then no named prepared statement, session lock or
    /// setting outlives one. `pgbouncer=true` and `pgbouncer=false` say so; else port 6543 and hosts that name a pooler do
    /// (`*.pooler.supabase.com`, Neon's `*-pooler.*`). Some of these also lend for a session, on another port, where what works
    /// for a transaction works too.
    pub transaction_pooler: bool,
}

/// Whether to speak TLS and what to ask of the server's certificate, as libpq's `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SslMode {
    /// Never.
    Disable,
    /// Where the server refuses to speak without.
    Allow,
    /// Where the server can.
    #[default]
    Prefer,
    /// Always, whoever the server is.
    Require,
    /// Always, with a certificate of a trusted authority.
    VerifyCa,
    /// Always, with a certificate of a trusted authority for this host.
    VerifyFull,
}

impl SslMode {
    /// All, with libpq's spelling.
    const ALL: [(&str, Self); 6] = [
        ("disable", Self::Disable),
        ("allow", Self::Allow),
        ("prefer", Self::Prefer),
        ("require", Self::Require),
        ("verify-ca", Self::VerifyCa),
        ("verify-full", Self::VerifyFull),
    ];
}

/// Why a URL names no PostgreSQL. No message holds any part of a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostgresUrlError {
    /// Another scheme, or none.
    #[error("it does not begin with postgres:// or postgresql://")]
    Scheme,
    /// Longer than any such URL.
    #[error("it is longer than {LENGTH_MAX} bytes")]
    TooLong,
    /// No host name or address.
    #[error(
        "its host is no name and no address; write postgres://USER:PASSWORD@HOST:PORT/DATABASE, an IPv6 address in \
         brackets, and reserved characters of the password percent-encoded (@ is %40, / is %2F, : is %3A)"
    )]
    Host,
    /// Several hosts, which libpq tries in turn.
    #[error("it names several hosts; name one, or a proxy that knows which of them takes writes")]
    SeveralHosts,
    /// No port.
    #[error(
        "what stands behind the host's colon is no port from 1 to 65535; reserved characters of a password must be \
         percent-encoded where they make it look like a host (@ is %40, / is %2F, : is %3A)"
    )]
    Port,
    /// The password that dashboards show in the place of one.
    #[error("its password is still {PLACEHOLDER}; put the database's password in its place")]
    Placeholder,
    /// PostgreSQL's protocol ends a text at a NUL.
    #[error("its {0} holds a NUL (%00), which PostgreSQL cannot take")]
    Nul(&'static str),
    /// A parameter that logmend does not know.
    #[error("it has the parameter {0}, which logmend does not know; take it out ({known} are known)", known = parameters::KNOWN)]
    UnknownParameter(String),
    /// A parameter with a value that it does not take.
    #[error("its parameter {name} takes {takes}")]
    Value {
        /// The parameter.
        name: &'static str,
        /// What may be its value.
        takes: &'static str,
    },
}

impl FromStr for PostgresSettings {
    type Err = PostgresUrlError;

    fn from_str(url: &str) -> Result<Self, PostgresUrlError> {
        let url = url.trim();
        if url.len() > LENGTH_MAX {
            return Err(PostgresUrlError::TooLong);
        }
        let (scheme, named) = url.split_once("://").ok_or(PostgresUrlError::Scheme)?;
        if !["postgres", "postgresql"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return Err(PostgresUrlError::Scheme);
        }
        let (login, place) = split(named);
        let settings = Self::of(login, &Place::parse(place)?)?;
        settings.check()?;
        Ok(settings)
    }
}

impl PostgresSettings {
    fn of(login: Option<&str>, place: &Place<'_>) -> Result<Self, PostgresUrlError> {
        let mut settings = Self {
            host: "localhost".to_owned(),
            port: place.port.unwrap_or(PORT),
            socket_folder: None,
            user: None,
            password: None,
            database: non_empty(place.database).map(decode),
            ssl_mode: SslMode::default(),
            ssl_root_cert: None,
            application_name: None,
            connect_timeout: None,
            transaction_pooler: false,
        };
        if let Some(login) = login {
            settings.log_in(login)?;
        }
        if let Some(host) = non_empty(place.host) {
            settings.set_host(&decode(host))?;
        }
        let pgbouncer = parameters::apply(&mut settings, place.query)?;
        settings.transaction_pooler = pgbouncer.unwrap_or_else(|| {
            settings.socket_folder.is_none()
                && (settings.port == TRANSACTION_POOLER_PORT || names_a_pooler(&settings.host))
        });
        Ok(settings)
    }

    /// A host, or the folder of a socket.
    fn set_host(&mut self, host: &str) -> Result<(), PostgresUrlError> {
        if host.starts_with('/') {
            self.socket_folder = Some(PathBuf::from(host));
            return Ok(());
        }
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let named = !host.is_empty()
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        if host.contains(',') {
            return Err(PostgresUrlError::SeveralHosts);
        }
        if !named && bare.parse::<Ipv6Addr>().is_err() {
            return Err(PostgresUrlError::Host);
        }
        bare.clone_into(&mut self.host);
        self.socket_folder = None;
        Ok(())
    }

    fn log_in(&mut self, login: &str) -> Result<(), PostgresUrlError> {
        let (user, password) =
            login.split_once(':').map_or((login, None), |(user, password)| (user, Some(password)));
        if password == Some(PLACEHOLDER) {
            return Err(PostgresUrlError::Placeholder);
        }
        if let Some(user) = non_empty(user) {
            self.user = Some(decode(user));
        }
        if let Some(password) = password.and_then(non_empty) {
            self.set_password(&decode(password))?;
        }
        Ok(())
    }

    fn set_password(&mut self, password: &str) -> Result<(), PostgresUrlError> {
        if password.contains('\0') {
            return Err(PostgresUrlError::Nul("password"));
        }
        self.password = Some(SecretString::from(password));
        Ok(())
    }

    /// What holds for every part, wherever it was written.
    fn check(&self) -> Result<(), PostgresUrlError> {
        let folder = self.socket_folder.as_ref().and_then(|folder| folder.to_str());
        let parts = [
            ("user", self.user.as_deref()),
            ("database", self.database.as_deref()),
            ("application_name", self.application_name.as_deref()),
            ("host", folder),
        ];
        match parts.iter().find(|(_, text)| text.is_some_and(|text| text.contains('\0'))) {
            Some((part, _)) => Err(PostgresUrlError::Nul(part)),
            None => Ok(()),
        }
    }
}

/// The URL without password and parameters, for people.
impl fmt::Display for PostgresSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match &self.socket_folder {
            Some(folder) => write!(f, "{}", folder.display())?,
            None if self.host.contains(':') => write!(f, "[{}]:{}", self.host, self.port)?,
            None => write!(f, "{}:{}", self.host, self.port)?,
        }
        if let Some(database) = &self.database {
            write!(f, "/{database}")?;
        }
        Ok(())
    }
}

/// What stands behind the user and password, as it is written.
struct Place<'a> {
    host: &'a str,
    port: Option<u16>,
    database: &'a str,
    query: &'a str,
}

impl<'a> Place<'a> {
    fn parse(place: &'a str) -> Result<Self, PostgresUrlError> {
        let (rest, query) = place.split_once('?').unwrap_or((place, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(PostgresUrlError::Host);
        }
        if authority.contains(',') {
            return Err(PostgresUrlError::SeveralHosts);
        }
        let (host, port) = match authority.find(']') {
            Some(end) if authority.starts_with('[') => authority.split_at(end + 1),
            _ => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            None => return Err(PostgresUrlError::Host),
            Some("") => None,
            Some(port) => Some(parameters::port(port).ok_or(PostgresUrlError::Port)?),
        };
        Ok(Self { host, port, database, query })
    }

    /// Whether nothing in it looks as if it still belonged to the password. The value of a known parameter does not, even
    /// where it is wrong.
    fn in_order(text: &str) -> bool {
        Place::parse(text).is_ok_and(|place| {
            let read = PostgresSettings::of(None, &place);
            !place.database.contains('@') && matches!(read, Ok(_) | Err(PostgresUrlError::Value { .. }))
        })
    }
}

/// Parts user and password from the rest, at the first `@` behind which all is in order; there are none where all is in
/// order as it is. Where nothing is, the rest is behind the last `@`, so that no message about it can hold a part of the
/// password.
fn split(named: &str) -> (Option<&str>, &str) {
    if Place::in_order(named) {
        return (None, named);
    }
    let mut ats = named.match_indices('@').map(|(at, _)| at);
    match ats.find(|at| Place::in_order(&named[at + 1..])).or(named.rfind('@')) {
        Some(at) => (Some(&named[..at]), &named[at + 1..]),
        None => (None, named),
    }
}

fn names_a_pooler(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host.split('.').any(|label| label == "pooler" || label.ends_with("-pooler"))
}

fn non_empty(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// Resolves percent escapes; a percent sign that begins none is itself, and so is everything where the bytes are no UTF-8.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|&b| char::from(b).to_digit(16));
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if let (b'%', Some(high), Some(low)) = (byte, digit(at + 1), digit(at + 2)) {
            decoded.extend(u8::try_from(high * 16 + low));
            at += 3;
        } else {
            decoded.push(byte);
            at += 1;
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests;
