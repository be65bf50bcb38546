//! The attack list: whatever comes, it is answered as it must be, memory stays bounded, and good requests are served
//! right after.
//!
//! Two tables against one service: [`requests`] are hostile in what they say, [`floods`] in how they say it.
//! A row that fails does not keep the others from being told.

mod floods;
pub mod judge;
pub mod payload;
mod requests;
pub mod row;
mod slow;
pub mod target;

use std::pin::Pin;
use std::time::{Duration, Instant};

use judge::{Verdict, ensure, judge};
use row::{Row, Via};
use target::Target;

use crate::support::service::Service;
use crate::support::wire;

/// Short times, so that the slow rows end soon, and few connections, so that they are soon spent. All else is as shipped.
const SETTINGS: &[(&str, &str)] = &[
    ("LOGMEND_HEADER_TIMEOUT", "1"),
    ("LOGMEND_BODY_TIMEOUT", "2"),
    ("LOGMEND_IDLE_TIMEOUT", "2"),
    ("LOGMEND_MAX_CONNECTIONS", "64"),
];

/// An attack that is more than one request.
struct Flood {
    name: &'static str,
    growth_mib: u64,
    run: for<'t> fn(&'t Target) -> Pin<Box<dyn Future<Output = Verdict> + 't>>,
}

/// Every hostile request is refused with the right status in its own spelling, or taken without costing its batch.
#[tokio::test(flavor = "multi_thread")]
async fn every_hostile_request_is_told_what_it_is() {
    let target = Target::start(SETTINGS).await;
    let mut faults = Vec::new();
    let mut expected = Vec::new();
    for (nth, row) in requests::all().iter().enumerate() {
        for via in row.senders() {
            let name = format!("{} over {via:?}", row.name);
            let service = format!("row-{nth}-{via:?}");
            let begun = Instant::now();
            let verdict = target.survives(row.growth_mib, attempt(&target, row, via, &service)).await;
            report(&mut faults, &name, begun, verdict);
            expected.extend(row.counted.map(|records| (name, service, records)));
        }
    }
    let counted = target.counted().await;
    for (name, service, records) in expected {
        let counted = counted.get(&service).copied().unwrap_or_default();
        let verdict = ensure(counted == records, || format!("{counted} records are counted, not {records}"));
        faults.extend(verdict.err().map(|why| format!("- {name}: {why}")));
    }
    assert!(faults.is_empty(), "{} rows failed:\n{}", faults.len(), faults.join("\n"));
}

async fn attempt(target: &Target, row: &Row, via: Via, service: &str) -> Verdict {
    let call = row.call(via, service);
    let answer =
        wire::call(target.addr(via), via.version(), &call).await.map_err(|error| error.to_string())?;
    judge(&answer, via, row.told)
}

/// Whoever floods, stalls or never reads is cut off, and costs the others nothing.
#[tokio::test(flavor = "multi_thread")]
async fn every_flood_ends_and_others_are_served() {
    let target = Target::start(SETTINGS).await;
    let mut faults = Vec::new();
    for flood in slow::ROWS.iter().chain(floods::ROWS) {
        let begun = Instant::now();
        let verdict = target.survives(flood.growth_mib, (flood.run)(&target)).await;
        report(&mut faults, flood.name, begun, verdict);
    }
    assert!(faults.is_empty(), "{} rows failed:\n{}", faults.len(), faults.join("\n"));
    let lines = target.logs().lines().count();
    assert!(lines < 30, "the attacks filled the log with {lines} lines");
}

/// Out of open files it rests for a moment, says so once, and goes on.
#[tokio::test(flavor = "multi_thread")]
async fn running_out_of_open_files_ends_nothing() {
    let service = Service::start_behind("ulimit -n 64", &[("LOGMEND_HEADER_TIMEOUT", "1")]).await;
    let target = Target::of(service).await;
    let mut streams = Vec::new();
    for addr in [&target.http, &target.grpc] {
        for _ in 0..100 {
            streams.push(wire::connect(addr).await);
        }
    }
    let told = "connections cannot be accepted";
    let begun = Instant::now();
    while !target.logs().contains(told) {
        assert!(begun.elapsed() < Duration::from_secs(10), "it has files enough");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(streams);
    tokio::time::sleep(Duration::from_secs(2)).await;
    target.survives(8, async { Ok(()) }).await.unwrap();
    let log = target.logs();
    assert!(log.matches(told).count() <= 3, "once for each listener:\n{log}");
}

fn report(faults: &mut Vec<String>, name: &str, begun: Instant, verdict: Verdict) {
    println!("{name}: {:?} {}", begun.elapsed(), if verdict.is_ok() { "held" } else { "FAILED" });
    if let Err(why) = verdict {
        let why: String = why.chars().take(700).collect();
        faults.push(format!("- {name}: {why}"));
    }
}
