//! What is decided at one replica holds at all of them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{CLOSED, Fleet, PATIENCE, SCAN, traffic};
use crate::support::claude::{ClaudeStandIn, Turn};
use crate::support::next_hop::{NextHop, number};
use crate::support::otlp::{export, export_bytes, record, request};
use crate::support::service::Service;

/// The severity number of ERROR.
const ERROR: i32 = 17;

/// How long until a rule that was approved at one replica is in use at another; and some more.
const FOLLOWED_MAX: Duration = Duration::from_secs(15);

/// Pausing asks any replica, stops the one that leads, and outlasts them all.
#[tokio::test(flavor = "multi_thread")]
async fn a_pause_holds_at_every_replica_and_over_restarts() {
    let mut fleet = Fleet::start(&[("ERROR_MONITOR_INTERVAL", "1")], &[&[], &[]]).await;
    fleet.wait_for_windows(1).await;
    fleet.follower().await.post("/error-monitor/monitor/stop").await;
    for round in ["before", "after"] {
        // What was under way then.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let closed = fleet.psql(CLOSED);
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        assert_eq!(fleet.psql(CLOSED), closed, "{round} the restarts");
        for replica in fleet.replicas.values() {
            assert_eq!(replica.get("/error-monitor/autonomous/status").await["monitor"]["running"], false);
        }
        if round == "before" {
            for at in 0..2 {
                let restarted = fleet.take(at).restart().await;
                fleet.replicas.insert(at, restarted);
            }
            fleet.leader().await;
        }
    }
    fleet.follower().await.post("/error-monitor/monitor/start").await;
    fleet.wait_for_windows(2).await;
}

/// What is shown is the same whichever replica is asked, and what one process on SQLite shows of the same stream.
#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_shown_alike() {
    let one = Service::start(&[]).await;
    let fleet = Fleet::start(&[], &[&[], &[]]).await;
    let replicas: Vec<_> = fleet.replicas.values().collect();
    for n in 0..30 {
        let bytes = traffic(n);
        for to in [&one, replicas[n % 2]] {
            export_bytes(&to.grpc_url(), bytes.clone()).await.unwrap();
        }
    }
    for to in [&one, replicas[0]] {
        to.post(SCAN).await;
    }
    let error = one.get("/error-monitor/errors/recent").await["errors"][0]["id"].as_str().unwrap().to_owned();
    for page in [
        "autonomous/status",
        "dashboard",
        "errors/recent",
        "errors/critical",
        "errors/fixable",
        "errors/unclassified",
        "errors/patterns",
        &format!("errors/{error}"),
        "fixes/generated",
        "rules",
        "outcomes",
    ] {
        let page = format!("/error-monitor/{page}");
        let expected = without_own_times(one.get(&page).await);
        for replica in &replicas {
            assert_eq!(without_own_times(replica.get(&page).await), expected, "{page}");
        }
    }
}

/// Takes out when it was first told why an error has no pull request: at a window's end.
fn remove_times_of_reasons(page: &mut Value) {
    match page {
        Value::Object(fields) => {
            if let Some(reason) = fields.get_mut("no_fix").and_then(Value::as_object_mut) {
                assert!(reason.remove("at").unwrap().is_string());
            }
            fields.values_mut().for_each(remove_times_of_reasons);
        }
        Value::Array(all) => all.iter_mut().for_each(remove_times_of_reasons),
        _ => {}
    }
}

/// A page without what tells when it was asked for, and when windows ended there.
fn without_own_times(mut page: Value) -> Value {
    remove_times_of_reasons(&mut page);
    if let Some(page) = page.as_object_mut() {
        page.remove("timestamp");
    }
    if let Some(monitor) = page.get_mut("monitor").and_then(Value::as_object_mut) {
        for own in ["last_scan", "window_start"] {
            assert!(monitor.remove(own).unwrap().is_string(), "{own}");
        }
    }
    page
}

async fn emit(replica: &Service, service: &str, n: usize) {
    let body = format!("Ledger sheet {n} out of balance by {} EUR", n * 3 + 1);
    export(&replica.grpc_url(), request(service, vec![record(ERROR, &body)])).await.unwrap();
}

async fn category(replica: &Service, service: &str) -> Value {
    let recent = replica.get("/error-monitor/errors/recent").await;
    let errors = recent["errors"].as_array().unwrap();
    errors.iter().find(|error| error["service"] == service).unwrap()["category"].clone()
}

/// A rule that people approve at one replica classifies at the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_rule_approved_at_one_replica_is_used_at_the_other() {
    let rule = json!({
        "category": "validation_error", "severity": "high", "fixable": true,
        "suggested_fix": "Round each posting.", "literals": ["Ledger sheet", "out of balance by"],
    });
    let claude = ClaudeStandIn::start(vec![Turn::tool_use("propose_rule", rule)]).await;
    let url = claude.url();
    let settings = [("ANTHROPIC_API_KEY", claude.key()), ("ANTHROPIC_BASE_URL", url.as_str())];
    let fleet = Fleet::start(&settings, &[&[], &[]]).await;
    let leader = fleet.leader().await;
    let (leading, following) = (&fleet.replicas[&leader], &fleet.replicas[&(1 - leader)]);
    for n in 0..3 {
        emit(following, "bookkeeping", n).await;
    }
    following.post(SCAN).await;
    let begun = Instant::now();
    let id = loop {
        let rules = following.get("/error-monitor/rules").await;
        if let Some(id) =
            rules["proposed"][0]["id"].as_str().filter(|_| rules["proposed"][0]["status"] == "proposed")
        {
            break id.to_owned();
        }
        assert!(begun.elapsed() < PATIENCE, "no rule is proposed: {rules:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    following.post(&format!("/error-monitor/rules/{id}/approve")).await;
    let begun = Instant::now();
    for n in 10.. {
        let service = format!("late-{n}");
        emit(leading, &service, n).await;
        if category(leading, &service).await == "validation_error" {
            break;
        }
        assert!(begun.elapsed() < FOLLOWED_MAX, "it is not in use at the other");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Of what two replicas held back the next hop is told once.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_held_back_is_told_of_once() {
    let hop = NextHop::start().await;
    let settings = [("LOGMEND_FORWARD_ENDPOINT", hop.url()), ("LOGMEND_FORWARD_MODE", "deduplicated")];
    let fleet = Fleet::start(&settings, &[&[], &[]]).await;
    fleet.leader().await;
    let urls: Vec<_> = fleet.replicas.values().map(Service::grpc_url).collect();
    for n in 0..40 {
        export_bytes(&urls[n / 5 % 2], traffic(n)).await.unwrap();
    }
    let sent: usize = (0..40).map(|n| n % 3 + 1).sum();
    let firsts = hop.records().len();
    assert!(firsts <= 10, "each replica passes on the first of each of five errors: {firsts}");
    fleet.follower().await.post(SCAN).await;
    let records = hop.wait_for_records(firsts + 5).await;
    let told: i64 = records.iter().filter_map(|(_, record)| number(record, "logmend.held_back")).sum();
    assert_eq!(usize::try_from(told).unwrap(), sent - firsts);
    // Another leader tells nothing anew.
    let mut fleet = fleet;
    let leader = fleet.leader().await;
    fleet.take(leader).kill();
    fleet.leader().await;
    fleet.replicas.values().next().unwrap().post(SCAN).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(hop.records().len(), firsts + 5);
}
