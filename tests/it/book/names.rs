//! Settings, routes and metrics that the pages name are the program's own.

use std::collections::BTreeSet;

use logmend::config::KEYS;
use regex::Regex;

use super::pages;
use crate::support::service::Service;

/// Variables of others that begin like ours.
const OTHERS: [(&str, &str); 1] = [("LOGMEND_CORPUS", "of the benchmarks")];

/// Variables of the Collector's file are its own. A name that is written whole is a setting; one that `…` or `*` ends is how some begin.
#[test]
fn every_setting_that_is_named_is_one() {
    let name = Regex::new(r"\b((?:LOGMEND|ANTHROPIC|GITHUB|LOKI)_[A-Z0-9_]+)(…|\*)?").unwrap();
    let collector = std::fs::read_to_string(pages::at("otel-collector.yaml")).unwrap();
    let known = |given: &str, begins: bool| {
        let is = |key: &str| if begins { key.starts_with(given) } else { key == given };
        KEYS.iter().any(|key| is(key.variable))
            || collector.contains(&format!("{{env:{given}:-"))
            || OTHERS.iter().any(|(other, _)| *other == given)
    };
    for page in pages::all() {
        for found in name.captures_iter(&page.text) {
            assert!(
                known(&found[1], found.get(2).is_some()),
                "{}: there is no setting {}",
                page.path,
                &found[0]
            );
        }
    }
}

/// The routes of the description, as parts; a part in braces stands for any.
fn is_route(openapi: &serde_json::Value, method: Option<&str>, path: &str) -> bool {
    let alike = |(own, given): (&str, &str)| own == given || own.starts_with('{') || given == "…";
    openapi["paths"].as_object().unwrap().iter().any(|(route, item)| {
        let (own, given): (Vec<_>, Vec<_>) = (route.split('/').collect(), path.split('/').collect());
        own.len() == given.len()
            && own.into_iter().zip(given).all(alike)
            && method.is_none_or(|method| item.get(method.to_ascii_lowercase()).is_some())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_that_is_named_is_there() {
    let service = Service::start(&[]).await;
    let openapi = service.get("/openapi.json").await;
    let shape =
        Regex::new(r"^(?:(GET|POST) )?(/(?:error-monitor|health|metrics|openapi\.json|webhooks)[^ ?]*)")
            .unwrap();
    let mut named = BTreeSet::new();
    for page in pages::all() {
        for span in &page.spans {
            let Some(found) = shape.captures(span) else { continue };
            let method = found.get(1).map(|method| method.as_str());
            let path = found[2].trim_end_matches('.');
            let is_their_root = path == "/error-monitor" || path == "/health";
            assert!(is_their_root || is_route(&openapi, method, path), "{}: there is no {span}", page.path);
            named.insert(path.to_owned());
        }
    }
    assert!(named.len() > 20, "{named:?}");
}

/// Some are told once there is something to tell, of a next hop or of Claude: they are looked for where they are registered.
#[tokio::test(flavor = "multi_thread")]
async fn every_metric_that_is_named_is_told() {
    let service = Service::start(&[]).await;
    let client = crate::support::server::client();
    let told =
        client.get(format!("{}/metrics", service.api_url())).send().await.unwrap().text().await.unwrap();
    let sources = ["src/app/metrics.rs", "src/app/metrics/claude.rs", "src/app/alerting.rs"];
    let registered: String =
        sources.iter().map(|path| std::fs::read_to_string(pages::at(path)).unwrap()).collect();
    let shape = Regex::new(r"^((?:logmend|otelcol|process)_[a-z0-9_]+)(?:\{[a-z_,]*\})?$").unwrap();
    let mut named = 0;
    for page in pages::all() {
        for found in page.spans.iter().filter_map(|span| shape.captures(span)) {
            let (name, family) = (&found[1], found[1].trim_end_matches("_total"));
            let is_told =
                told.contains(&format!("# TYPE {name} ")) || registered.contains(&format!("\"{family}\""));
            assert!(is_told, "{}: /metrics does not tell {name}", page.path);
            named += 1;
        }
    }
    assert!(named > 30, "{named}");
}
