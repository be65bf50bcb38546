//! The list of errors.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::asked::{self, Asked};
use super::chart;
use super::fixes::{Pull, label, pull};
use super::moment;
use super::problem::Trouble;
use super::send::Guide;
use super::shell::{Place, Shell};
use super::text::{self, LINE_MAX, Markup};
use super::{answer, words};
use crate::model::{Category, Cluster, NoFix, NoFixReason, UnixNanos};
use crate::store::{FixBrief, Hour, Summary};

#[derive(Template)]
#[template(path = "list.html")]
struct List {
    shell: Shell,
    asked: Asked,
    services: Vec<Choice>,
    categories: Vec<Choice>,
    rows: Vec<Row>,
    total: String,
    totals: Totals,
    next: Option<String>,
    guide: Option<Guide>,
}

/// One of a filter's choices: as the address has it, and as people read it.
type Choice = (String, String);

fn service(name: &str) -> Choice {
    (name.to_owned(), text::line(name, LINE_MAX / 4))
}

fn category(name: &str) -> Choice {
    (name.to_owned(), name.replace('_', " "))
}

/// What stands above the list.
struct Totals {
    errors: String,
    urgent: String,
    fixable: String,
    unclassified: String,
    fixes: String,
    latest: Option<Markup>,
    window: Markup,
}

/// One error in the list.
struct Row {
    id: String,
    severity: &'static str,
    status: &'static str,
    status_label: &'static str,
    category: String,
    service: String,
    error_type: String,
    message: Markup,
    place: String,
    spark: Markup,
    count: String,
    count_exactly: String,
    first_seen: Markup,
    last_seen: Markup,
    fix: Option<RowFix>,
    no_fix: Option<(String, String)>,
}

/// Its fix.
struct RowFix {
    status: &'static str,
    label: &'static str,
    pull: Option<Pull>,
}

/// `GET /`.
pub(super) async fn list(
    State(state): State<super::State>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Trouble> {
    let store = &state.api.store;
    let now = store.now();
    let filter = asked.filter(now)?;
    let total = store.count_clusters(&crate::store::ClusterFilter { after: None, ..filter.clone() }).await?;
    let page = store.page(filter).await?;
    let rows = rows(&state, &page.clusters, now).await?;
    let counted = state.overview.of(store).await?;
    let latest = store.latest_record_at().await?;
    let guide = latest.is_none().then(|| state.intake.guide(&headers));
    let list = List {
        shell: Shell::of(&state.api, Place::Errors, "Errors", &headers).await,
        services: counted.services.iter().map(|name| service(name)).collect(),
        categories: Category::BUILT_IN.into_iter().map(category).collect(),
        rows,
        total: text::number(total),
        totals: Totals::of(&counted.summary, latest, *store.window().borrow(), now),
        next: page.next.map(|cursor| asked.at(&cursor.to_string())),
        guide,
        asked,
    };
    answer::page(&list, &headers)
}

impl Totals {
    fn of(summary: &Summary, latest: Option<UnixNanos>, window: UnixNanos, now: UnixNanos) -> Self {
        Self {
            errors: text::number(summary.clusters),
            urgent: text::number(summary.urgent),
            fixable: text::number(summary.fixable),
            unclassified: text::number(summary.unclassified),
            fixes: text::number(summary.fixes),
            latest: latest.map(|at| moment::ago(at, now)),
            window: moment::ago(window, now),
        }
    }
}

async fn rows(state: &super::State, clusters: &[Cluster], now: UnixNanos) -> Result<Vec<Row>, Trouble> {
    let store = &state.api.store;
    let ids = || clusters.iter().map(|cluster| cluster.fingerprint);
    let hours = store.hours_of(ids(), chart::since(now, chart::SPARK_HOURS)).await?;
    let unfixed = store.unfixed(ids()).await?;
    let fixes = store.fixes_in_brief(clusters.iter().filter_map(|cluster| cluster.fix_id.clone())).await?;
    let fixes: BTreeMap<_, _> = fixes.into_iter().map(|fix| (fix.id.clone(), fix)).collect();
    let row = |cluster: &Cluster| {
        let id = cluster.fingerprint;
        let hours = hours.get(&id).map(Vec::as_slice).unwrap_or_default();
        let fix = cluster.fix_id.as_ref().and_then(|id| fixes.get(id));
        Row::of(cluster, hours, fix, unfixed.get(&id), now)
    };
    Ok(clusters.iter().map(row).collect())
}

impl Row {
    fn of(
        cluster: &Cluster,
        hours: &[Hour],
        fix: Option<&FixBrief>,
        no_fix: Option<&NoFixReason>,
        now: UnixNanos,
    ) -> Self {
        let detail = &cluster.detail;
        Self {
            id: cluster.fingerprint.to_string(),
            severity: cluster.verdict.severity.as_str(),
            status: cluster.status.as_str(),
            status_label: words::status(cluster.status),
            category: words::category(&cluster.verdict.category),
            service: text::line(&detail.service, LINE_MAX),
            error_type: text::line(&detail.error_type, LINE_MAX),
            message: text::template(&detail.message, LINE_MAX),
            place: detail.innermost_in_app().map(words::place).unwrap_or_default(),
            spark: chart::spark(&chart::by_hour(hours, now, chart::SPARK_HOURS)),
            count: text::brief(cluster.count),
            count_exactly: text::number(cluster.count),
            first_seen: moment::ago(cluster.first_seen, now),
            last_seen: moment::ago(cluster.last_seen, now),
            fix: fix.map(RowFix::of),
            no_fix: no_fix.filter(|reason| is_news(reason.code, fix)).map(told),
        }
    }
}

impl RowFix {
    fn of(fix: &FixBrief) -> Self {
        Self { status: fix.status.as_str(), label: label(fix.status), pull: pull(fix.pr_url.as_deref()) }
    }
}

/// What the severity says already needs no word.
fn is_news(code: NoFix, fix: Option<&FixBrief>) -> bool {
    fix.is_none() && !matches!(code, NoFix::NotUrgent)
}

fn told(reason: &NoFixReason) -> (String, String) {
    (reason.code.as_str().replace('_', " "), text::line(&reason.reason, LINE_MAX * 2))
}
