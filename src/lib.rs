//! logmend: a log-stream filter in an OpenTelemetry pipeline that finds errors and proposes fixes.
//!
//! Applications push their logs over OTLP. Every record is matched against a catalogue of rules; copies of one error are
//! folded into one cluster; at the end of each window the clusters are looked at, Claude is asked to write a fix for the
//! gravest of those that a code change can mend, and a draft pull request is opened for people to review.
//!
//! This page is the map of the code. What users see is in the README.
//!
//! # How data flows
//!
//! Folders stand in the order of this picture. A room imports only rooms above it, and of those only the ones that
//! `tests/it/architecture.rs` lists; [`app`] is the one place that knows them all.
//!
//! ```text
//!  exporter ── OTLP ───────▶ ingest      authenticate, bound, decompress; JSON becomes protobuf; a request is one byte buffer
//!                              │
//!  on every record             ▼
//!                            otlp        borrowed walk of the buffer: resource → scope → log record
//!                              ▼
//!                            pipeline::joining   lines of one stack trace that came as records of their own become one
//!                              ▼
//!                            classify    severity gate, then all literals of all rules at once; first rule that holds
//!                              │
//!  on matched records only     ▼
//!                            fingerprint exception and in-app frames, or a masked message → 128-bit id
//!                              ▼
//!                            window      copies fold into one delta for each cluster (moka dedupe cache)
//!                              ▼
//!                            store       deltas of many requests commit in ONE transaction → the requests are answered
//!
//!                                        (SQLite, or a PostgreSQL that several replicas share)
//!
//!  beside it, if set up      forward     the stream goes on over OTLP: annotated, filtered or deduplicated; the requests
//!                                        are answered when the next hop has acknowledged too
//!
//!                            loki        what was logged while nobody counted is read back through the same pipeline; lines
//!                                        around an error, for the prompt
//!
//!  in one replica at a time  leader      who closes windows, writes fixes and deletes what is old: a lease, a lock before it
//!
//!  at a window's end           ▼
//!                            triage      close the window, merge templates that are one error, rank, one for each cause, claim within the budgets
//!                              ▼
//!                            remedy      prompt → Claude, with tools over the repository → checked edits
//!                              ▼
//!                            github      branch, commit, draft pull request, labels
//!
//!  until people have decided  remedy::follow   checks, comments, one repair; after the merge: is the error gone?
//!
//!  beside it                 learn       the most frequent error that no rule knows → a proposed rule, tried out, approved by people
//!
//!  as things happen          alerts      what people are told of: an outbox → Slack, a webhook, PagerDuty, Alertmanager
//!
//!  at any time               api         health, metrics, errors, fixes, events, OpenAPI; who may do what
//!                            dashboard   the same as pages, for people
//! ```
//!
//! Beside them: [`claude`] is the Messages API's client with its prices, for answers in one and as streams, [`purse`] sets aside in the store what each call of it may cost, [`model`] holds the plain values that all share, [`redact`] takes secrets and hostile markup out of text,
//! [`pipeline`] is the way of one request through the upper half, [`config`] gathers the settings, of which some change while the service runs ([`model::Live`]), [`telemetry`] prints
//! logmend's own log, lists its metrics and sends both on, never into itself, [`shutdown`] waits for signals,
//! [`commands`] are the command line.
//!
//! # The walk of one log record
//!
//! 1. [`ingest`] takes a call on any listener, over gRPC or HTTP, and lets it through one door. The body is read within the budget
//!    of all requests in hand, decompressed within the same budget, and translated where it is JSON; no message struct is built.
//! 2. [`otlp::walk`] goes through the bytes once, checks the framing of everything in it, and hands each record to the
//!    [`pipeline`] as borrowed slices. A request that is broken anywhere, or holds too many records, is refused whole.
//!    The lines of a stream that are one stack trace are joined on the way ([`pipeline::joining`]); what is open at the
//!    request's end is counted as it is, and moved in the next commit if the trace goes on.
//! 3. [`classify`] drops a record below the severity that rules ask for before it reads a byte of it. What loggers told in
//!    a map or in JSON is put in its place then ([`otlp::Unfolded`]), and the record costs one look at every
//!    few bytes of body and exception, for bytes that are rare in logs and begin a literal; what aho-corasick finds is
//!    found ([`classify::Literals`]). Rules that its text makes candidates may ask for the record's service and attributes
//!    besides; the rules in use ([`classify::Rules`]) are taken once for a request and swapped whole. Most records end here,
//!    without an allocation.
//! 4. [`fingerprint`] finds the stack frames, masks what varies in the message, and makes the id.
//! 5. [`window`] adds it to the request's delta for that cluster. Where the dedupe cache says that the store knows the
//!    cluster, a count is all there is to do, unless the record shows a value that no sample shows; else its text is redacted
//!    and described. Past a window's places it is counted with others of its service and category.
//! 6. [`store`] gathers the deltas of all waiting requests into one transaction of a few statements over arrays, with the
//!    digests of the requests, which also tell whether a commit was made whose connection went. When the database has it on
//!    disk, the requests are answered. Not before; and where there is a next hop, not before [`forward`] has its acknowledgement.
//! 7. At the window's end [`triage`] has [`fingerprint`] compare all known templates; which of them are one error is kept
//!    beside the clusters, and reading follows it. It then ranks the clusters and claims the first ones in the store: one row for each error,
//!    by a unique index. [`remedy`] finds the claims there, also after a restart, gathers [`remedy::evidence`] (frames mapped to files
//!    of the deployed commit, what changed in them), asks Claude, checks the edits ([`remedy::edits`] file by file,
//!    [`remedy::checks`] as a whole, [`remedy::syntax`] by grammars) against the base branch as it stands, and has [`github`] open the
//!    pull request, on a branch named after the fingerprint, in the repository that the settings name for the service
//!    ([`remedy::places`]).
//! 8. [`learn`] asks about one error that no rule knew; what people approve follows the catalogue without a restart.
//!    [`remedy`] follows pull requests until people have decided, and their errors after that; [`triage`] ranks by how they ended.
//!
//! # Invariants
//!
//! 1. **Durable before ack.** A request whose records matched is answered after its deltas are committed.
//! 2. **Counted once.** The digest of a request is committed with its deltas; the same bytes again add nothing.
//! 3. **Ids do not drift.** A fingerprint depends on a record's content and service, and on the algorithm's version. An
//!    error's id is the smallest fingerprint of its family; the others lead to it.
//! 4. **One pull request for each error.** A unique index claims the fingerprint before Claude is asked; the branch name
//!    comes from the fingerprint, so GitHub refuses a second one. One that people closed is not opened again.
//! 5. **Nothing is merged, forced or written to the base branch.** No such call is in the code; a test reads it for that. A branch of
//!    ours moves forward by a commit, and is people's as soon as somebody else has moved it.
//! 6. **Secrets stay.** Keys are `SecretString`s. Log text is redacted before it is stored, shown, sent or opened.
//! 7. **Log content is hostile.** Every text has a bound, and so have the clusters of a request, a window and a service in it;
//!    what reaches a prompt or a pull request is marked as data and has no effect there.
//! 8. **Pressure goes upstream.** Every queue is bounded. When one is full the sender is told `UNAVAILABLE` with a delay.
//! 9. **It degrades, it does not stop.** With Claude, GitHub, Redis or Loki down errors are still taken in; fixes wait in the
//!    store. With the store down senders are told to come again; it is looked at twice a second, and as soon as a
//!    write succeeds everything goes on.
//!
//! With several replicas all of this holds by what they share: rows that add up, the digest, the unique claim, the branch's name, and
//! the fence that every write of a leader names. Who leads spares work and guarantees nothing.
//!
//! What is deliberately absent: a journal of our own (the window is a table), a queue of acknowledged but uncommitted
//! requests, message structs for records, a second copy of the SQL, and traits for clients (tests speak HTTP to stand-ins).

pub mod alerts;
pub mod api;
pub mod app;
pub mod classify;
pub mod claude;
pub mod commands;
pub mod config;
pub mod dashboard;
pub mod fingerprint;
pub mod forward;
pub mod github;
pub mod ingest;
pub mod leader;
pub mod learn;
pub mod loki;
pub mod model;
pub mod otlp;
pub mod pipeline;
pub mod purse;
pub mod redact;
pub mod remedy;
pub mod shutdown;
pub mod store;
pub mod telemetry;
pub mod triage;
pub mod window;

/// OTLP messages generated from `proto/`: for clients and comparisons. The service itself reads requests through [`otlp`].
#[expect(missing_docs, clippy::pedantic, reason = "generated code")]
pub mod proto {
    /// The descriptors of `proto/`, as a `google.protobuf.FileDescriptorSet`.
    pub(crate) const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

    pub mod common {
        pub mod v1 {
            tonic::include_proto!("opentelemetry.proto.common.v1");
        }
    }
    pub mod resource {
        pub mod v1 {
            tonic::include_proto!("opentelemetry.proto.resource.v1");
        }
    }
    pub mod logs {
        pub mod v1 {
            tonic::include_proto!("opentelemetry.proto.logs.v1");
        }
    }
    pub mod collector {
        pub mod logs {
            pub mod v1 {
                tonic::include_proto!("opentelemetry.proto.collector.logs.v1");
            }
        }
    }
}

/// Real servers, which the black-box tests share.
#[cfg(test)]
#[path = "../tests/support/engines/mod.rs"]
#[expect(dead_code, unused_imports, unreachable_pub, reason = "the black-box tests need more of it")]
mod engines;
