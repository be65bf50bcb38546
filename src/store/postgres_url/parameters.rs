//! What may stand behind the question mark. libpq knows more; a parameter that would be without effect is refused.

use std::path::PathBuf;
use std::time::Duration;

use super::{PostgresSettings, PostgresUrlError, SslMode, decode};

/// The names, for messages.
pub(super) const KNOWN: &str = "host, port, user, password, dbname, sslmode, sslrootcert, application_name, \
                                connect_timeout and pgbouncer";

/// Applies the parameters, which go before what stands in front of them, as in libpq; returns what `pgbouncer` says.
pub(super) fn apply(settings: &mut PostgresSettings, query: &str) -> Result<Option<bool>, PostgresUrlError> {
    let mut pgbouncer = None;
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let text = decode(value);
        let wrong = |name, takes| PostgresUrlError::Value { name, takes };
        match name {
            "host" => settings.set_host(&text)?,
            "port" => settings.port = port(&text).ok_or(PostgresUrlError::Port)?,
            "user" => settings.user = Some(text),
            "password" => settings.set_password(&text)?,
            "dbname" => settings.database = Some(text),
            "sslmode" => {
                let mode = SslMode::ALL.into_iter().find(|(spelling, _)| *spelling == text);
                let takes = "disable, allow, prefer, require, verify-ca or verify-full";
                settings.ssl_mode = mode.ok_or(wrong("sslmode", takes))?.1;
            }
            "sslrootcert" if text.is_empty() => return Err(wrong("sslrootcert", "the path of a PEM file")),
            "sslrootcert" => settings.ssl_root_cert = Some(PathBuf::from(text)),
            "application_name" => settings.application_name = Some(text),
            "connect_timeout" => {
                let seconds = text.parse::<u32>().ok();
                let seconds = seconds.ok_or(wrong("connect_timeout", "a number of seconds"))?;
                settings.connect_timeout =
                    Some(Duration::from_secs(seconds.into())).filter(|wait| !wait.is_zero());
            }
            "pgbouncer" => {
                pgbouncer = Some(text.parse().map_err(|_| wrong("pgbouncer", "true or false"))?);
            }
            unknown => return Err(PostgresUrlError::UnknownParameter(shown(unknown))),
        }
    }
    Ok(pgbouncer)
}

/// Digits alone: `+5432` is none.
pub(super) fn port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|&port| digits && port > 0)
}

/// A parameter's name for a message: what is no plain word is not shown, since it may be anything.
fn shown(name: &str) -> String {
    let word = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    if word && !name.is_empty() && name.len() <= 40 {
        name.to_owned()
    } else {
        "with a name that is no word".to_owned()
    }
}
