//! What the tests stand on: the service as a child process, exporters, and stand-ins for Claude and GitHub.
//!
//! The stand-ins are judges: they know the wire formats from their publishers alone and use no code of the service.

pub mod alerted;
pub mod backend;
pub mod cart;
pub mod claude;
pub mod collector;
pub mod engines;
pub mod github;
pub mod load;
pub mod loki;
pub mod next_hop;
pub mod otlp;
pub mod peers;
pub mod prism;
pub mod programs;
pub mod python;
pub mod server;
pub mod service;
pub mod spans;
pub mod wire;
