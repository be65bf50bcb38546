//! Applications with the same bug in several languages, logging through their real OpenTelemetry SDKs.

use std::path::PathBuf;
use std::process::Command;

use super::programs::prepared;

/// One application and how it logs. A protocol is spelled as `OTEL_EXPORTER_OTLP_PROTOCOL` spells it.
#[derive(Debug, Clone, Copy)]
pub enum Peer {
    /// The standard library's `logging`.
    Python { protocol: &'static str },
    /// A logging library: `winston` or `pino`.
    Node { protocol: &'static str, library: &'static str },
    /// logback, over gRPC.
    Java,
}

/// What an application's bug looks like.
pub struct Bug {
    /// The name of the exception.
    pub error_type: &'static str,
    /// The name of the file.
    pub file: &'static str,
    /// The line that fails.
    pub line: usize,
}

impl Peer {
    /// Whether it sends over HTTP.
    pub fn speaks_http(self) -> bool {
        match self {
            Self::Python { protocol } | Self::Node { protocol, .. } => protocol.starts_with("http/"),
            Self::Java => false,
        }
    }

    /// The application against `endpoint`, failing `times` times.
    pub fn command(self, endpoint: &str, service: &str, times: u32) -> Command {
        let mut command;
        match self {
            Self::Python { protocol } => {
                command = Command::new(prepared("LOGMEND_PYTHON"));
                command.arg(support("emit.py")).args([endpoint, service, &times.to_string(), protocol]);
            }
            Self::Node { protocol, library } => {
                command = Command::new("node");
                command.env("NODE_PATH", prepared("LOGMEND_NODE_MODULES"));
                command.arg(support("peers/node/emit.js"));
                command.args([endpoint, protocol, library, service, &times.to_string()]);
            }
            Self::Java => {
                command = Command::new("java");
                let libraries = prepared("LOGMEND_JAVA_LIBRARIES").join("*");
                command.arg("-cp").arg(libraries).arg(support("peers/java/Emit.java"));
                command.args([endpoint, service, &times.to_string()]);
            }
        }
        command
    }

    /// What its bug looks like.
    pub fn bug(self) -> Bug {
        let (error_type, file, source, failing) = match self {
            Self::Python { .. } => {
                ("KeyError", "emit.py", include_str!("emit.py"), r#"return order["amount"] * 100"#)
            }
            Self::Node { .. } => {
                ("TypeError", "emit.js", include_str!("peers/node/emit.js"), "order.amount.total * 100")
            }
            Self::Java => {
                let source = include_str!("peers/java/Emit.java");
                ("java.lang.IllegalStateException", "Emit.java", source, "throw new IllegalStateException")
            }
        };
        let line = source.lines().position(|line| line.contains(failing)).unwrap() + 1;
        Bug { error_type, file, line }
    }
}

/// A file of `tests/support/`.
fn support(path: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/support", path].iter().collect()
}
