//! The tests of the whole: the real binary, with OTLP and HTTP spoken to it, and stand-ins where its peers would be.

#![expect(unreachable_pub, reason = "what the tests share is public among them")]
#![expect(clippy::unwrap_used, reason = "a test says what went wrong by failing there")]

#[path = "../support/mod.rs"]
mod support;

mod alerts;
mod api_access;
mod api_events;
mod api_openapi;
mod api_routes;
mod architecture;
mod attacks;
mod book;
mod budgets;
mod cardinality;
mod changes;
mod classification;
mod classify;
mod cli_bench;
mod cli_check;
mod cli_classify;
mod cli_manual;
mod cli_reload;
mod collector;
mod contracts;
mod crashes;
mod dashboard;
mod deployment;
mod door;
mod end_to_end;
mod engines;
mod evidence;
mod example_fastapi;
mod exporters;
mod following_fixes;
mod forwarding;
mod hostile;
mod kills;
mod learning;
mod loki;
mod lost_answers;
mod merging;
mod observing;
mod origins;
mod outcomes;
mod projects;
mod protocol;
mod railway_guide;
mod receiving;
mod replicas;
mod rules;
mod schemas;
mod sending;
mod sqlite_faults;
mod stalled_store;
mod stand_ins;
mod starting;
mod telemetry;
mod tls;
mod traces;
