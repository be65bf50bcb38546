//! The service under attack: its listeners, its memory, and whether it still serves those who mean well.

use std::collections::HashMap;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::Method;
use serde_json::Value;

use super::judge::{Told, Verdict, ensure, judge};
use super::payload;
use super::row::Via;
use crate::support::service::Service;
use crate::support::wire::{self, Call, Version};

/// How long a good request may take right after an attack, to be acknowledged and to be seen.
const GOOD_TIME_MAX: Duration = Duration::from_secs(2);

/// The service of the good requests.
const GOOD: &str = "good";

pub struct Target {
    service: Service,
    pub grpc: String,
    pub http: String,
    pub api: String,
    good_sent: AtomicU64,
    /// The one error of the good requests.
    good_error: String,
}

impl Target {
    pub async fn start(settings: &[(&str, &str)]) -> Self {
        Self::of(Service::start(settings).await).await
    }

    pub async fn of(service: Service) -> Self {
        let addr = |url: String| url.strip_prefix("http://").unwrap().to_owned();
        let (grpc, http, api) =
            (addr(service.grpc_url()), addr(service.http_url().await), addr(service.api_url()));
        let (good_sent, good_error) = (AtomicU64::new(0), String::new());
        let mut target = Self { service, grpc, http, api, good_sent, good_error };
        target.good(Via::Grpc).await.unwrap();
        target.good_error = target.errors().await.remove(0)["id"].take().as_str().unwrap().into();
        // What the first request of each kind sets aside for good is no growth.
        target.serves().await.unwrap();
        target
    }

    pub fn logs(&self) -> String {
        self.service.logs()
    }

    pub fn addr(&self, via: Via) -> &str {
        if via == Via::Grpc { &self.grpc } else { &self.http }
    }

    /// Runs an attack, and checks that memory stayed within its bound and that good requests are served right after.
    pub async fn survives(&self, growth_mib: u64, attack: impl Future<Output = Verdict>) -> Verdict {
        let before = self.forget_peak();
        attack.await?;
        let growth = self.memory_kib("VmHWM").saturating_sub(before) / 1_024;
        ensure(growth <= growth_mib, || format!("memory grew by {growth} MiB, {growth_mib} were allowed"))?;
        self.serves().await
    }

    /// Resets the peak of its memory; answers what it has at this moment, in KiB.
    fn forget_peak(&self) -> u64 {
        fs::write(format!("/proc/{}/clear_refs", self.service.pid()), "5").unwrap();
        self.memory_kib("VmRSS")
    }

    fn memory_kib(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.service.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap()
    }

    /// One good record over gRPC and one over HTTP are acknowledged and counted.
    pub async fn serves(&self) -> Verdict {
        let begun = Instant::now();
        let (grpc, http) = tokio::join!(self.good(Via::Grpc), self.good(Via::Protobuf));
        grpc.and(http).map_err(|why| format!("a good request right after: {why}"))?;
        let sent = self.good_sent.load(Ordering::Relaxed);
        let good = self.get(&format!("/error-monitor/errors/{}", self.good_error)).await;
        let counted = good["error"]["count"].as_u64().unwrap();
        ensure(counted == sent, || format!("{counted} of {sent} good records are counted"))?;
        let took = begun.elapsed();
        ensure(took <= GOOD_TIME_MAX, || format!("good requests right after took {took:?}"))
    }

    /// Sends one good record that no other request had.
    pub async fn good(&self, via: Via) -> Verdict {
        let nth = self.good_sent.fetch_add(1, Ordering::Relaxed);
        let record = payload::error(&payload::fixed64(1, 1_700_000_000_000_000_000 + nth));
        let call = via.call(&payload::request(GOOD.as_bytes(), &record), None);
        let answer = wire::call(self.addr(via), via.version(), &call).await.map_err(|e| e.to_string())?;
        judge(&answer, via, Told::Taken)
    }

    /// How many records of each service are counted.
    pub async fn counted(&self) -> HashMap<String, u64> {
        let mut counted = HashMap::new();
        for error in self.errors().await {
            let service = error["service"].as_str().unwrap().to_owned();
            *counted.entry(service).or_default() += error["count"].as_u64().unwrap();
        }
        counted
    }

    async fn errors(&self) -> Vec<Value> {
        let all = self.get("/error-monitor/errors/patterns?limit=10000").await;
        all["patterns"].as_array().unwrap().clone()
    }

    async fn get(&self, path: &str) -> Value {
        let answer = wire::call(&self.api, Version::Http1, &Call::new(Method::GET, path)).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_slice(&answer.body).unwrap()
    }
}
