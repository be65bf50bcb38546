//! What the tests stand on: the service as a child process, exporters, and stand-ins for Claude and GitHub.
//!
//! The stand-ins are judges: they know the wire formats from their publishers alone and use no code of the service.

pub mod claude;
pub mod github;
pub mod otlp;
pub mod python;
pub mod server;
pub mod service;
