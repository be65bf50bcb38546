//! The settings of Loki: `LOKI_…`.

use super::Reader;
use crate::loki::Settings;

const ENABLED: &str = "LOKI_ENABLED";
const QUERY_URL: &str = "LOKI_QUERY_URL";

impl Reader<'_> {
    /// Loki; `None` where it is not switched on, or nothing is counted.
    pub(super) fn loki(&mut self, monitoring: bool) -> Option<Settings> {
        if !self.flag(ENABLED, false) {
            for variable in [QUERY_URL, "LOKI_TENANT", "LOKI_TOKEN", "LOKI_QUERY"] {
                if let Some((_, origin)) = self.text(variable) {
                    self.notes.push(format!("{origin} has no effect while {ENABLED} is not true"));
                }
            }
            return None;
        }
        if !monitoring {
            self.notes.push(format!("{ENABLED} has no effect while ERROR_MONITORING_ENABLED is false"));
        }
        let settings = Settings {
            query_url: self.loki_url().unwrap_or_default(),
            tenant: self.loki_tenant(),
            token: self.secret("LOKI_TOKEN"),
            query: self.loki_query(),
        };
        monitoring.then_some(settings)
    }

    /// What stands before `/loki/api/v1/`; people also copy more of it.
    fn loki_url(&mut self) -> Option<String> {
        let Some((text, origin)) = self.text(QUERY_URL) else {
            self.faults.push(format!(
                "{ENABLED} is true but {QUERY_URL} is not set; set it to Loki's address, such as http://loki:3100"
            ));
            return None;
        };
        let uri = text.parse::<http::Uri>().ok();
        let uri =
            uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some());
        // A URL may hold a password, so that a wrong one is not repeated.
        let fault = match &uri {
            None => "must be a URL that begins with https:// or http://, such as http://loki:3100",
            Some(uri) if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) => {
                "holds credentials; put them into LOKI_TOKEN"
            }
            Some(uri) if uri.query().is_some() => "has a query; take it away, and set LOKI_QUERY",
            Some(_) => {
                let url = text.trim_end_matches('/');
                let url = url.strip_suffix("/query_range").unwrap_or(url);
                return Some(url.strip_suffix("/loki/api/v1").unwrap_or(url).to_owned());
            }
        };
        self.faults.push(format!("{origin} {fault}"));
        None
    }

    fn loki_tenant(&mut self) -> Option<String> {
        self.parse("LOKI_TENANT", "letters, digits and !-_.*'()|, 150 at most, as Loki has it", |text| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!-_.*'()|".contains(&byte);
            (text.len() <= 150 && text.bytes().all(fits)).then(|| text.to_owned())
        })
    }

    fn loki_query(&mut self) -> String {
        let want = r#"a LogQL query of log lines, which begins with a stream selector, such as {service_name=~".+"}"#;
        self.parse("LOKI_QUERY", want, |text| {
            (text.starts_with('{') && text.contains('=') && text.contains('}')).then(|| text.to_owned())
        })
        .unwrap_or_else(|| Settings::QUERY.to_owned())
    }
}
