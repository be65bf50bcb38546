//! One error: what happened, why it is one error and of its class, what was done about it, and what people can do.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::fixes::FixView;
use super::grouping::Grouping;
use super::problem::Trouble;
use super::samples::{self, Compared, Shown};
use super::shell::{Place, Shell};
use super::stack::Stack;
use super::text::{self, LINE_MAX, Markup};
use super::verdict::Why;
use super::{answer, chart, moment, words};
use crate::model::{Activity, Cluster, ClusterStatus, Fix, UnixNanos};
use crate::store::{Audited, Hour, Named, Store};

/// How far the long chart goes back: as long as the store keeps hours.
const DAYS: usize = 30;
/// How many actions are shown.
const ACTIONS_MAX: u32 = 50;

#[derive(Template)]
#[template(path = "detail.html")]
struct Detail {
    shell: Shell,
    id: String,
    short: String,
    severity: &'static str,
    status: &'static str,
    status_label: &'static str,
    activity: &'static str,
    category: String,
    error_type: String,
    message: Markup,
    facts: Vec<(&'static str, String)>,
    count: String,
    first_seen: Markup,
    last_seen: Markup,
    day: Markup,
    day_total: String,
    month: Markup,
    stack: Stack,
    samples: Vec<Shown>,
    compared: Compared,
    grouping: Grouping,
    why: Why,
    fix: Option<FixView>,
    no_fix: Option<(String, String, Markup)>,
    actions: Vec<Action>,
    buttons: Vec<Button>,
    /// Why no fix can be written, where none can.
    why_no_fixes: Option<String>,
    context: Context,
}

/// Something that people can do, as things stand.
struct Button {
    action: &'static str,
    label: &'static str,
    key: &'static str,
}

/// One action that was taken.
struct Action {
    at: Markup,
    actor: String,
    action: String,
    outcome: String,
}

/// Lines around the latest record.
enum Context {
    /// They can be asked for.
    Offered,
    /// Nobody can be asked.
    Unavailable,
    /// These are they.
    Lines(Vec<String>),
    /// They could not be had.
    Failed(String),
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    context: String,
}

/// `GET /errors/{id}`: an id, the beginning of one, or another id that leads to the error.
pub(super) async fn one(
    State(state): State<super::State>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Trouble> {
    let store = &state.api.store;
    let fingerprint = match store.named(&id).await? {
        Named::One(fingerprint) => fingerprint,
        Named::Several(_) => {
            return Ok(
                Redirect::to(&format!("/?status=all&q={}", super::asked::percent(&id))).into_response()
            );
        }
        Named::Nothing => {
            return Err(Trouble::NotFound(
                "There is no error of this id. Errors that were not seen for long are forgotten.",
            ));
        }
    };
    let gone = Trouble::NotFound("This error is not there any more.");
    let cluster = store.cluster(fingerprint).await?.ok_or(gone)?;
    if cluster.fingerprint.to_string() != id {
        return Ok(Redirect::to(&format!("/errors/{}", cluster.fingerprint)).into_response());
    }
    let page = Detail::of(&state, &cluster, !asked.context.is_empty(), &headers).await?;
    answer::page(&page, &headers)
}

impl Detail {
    async fn of(
        state: &super::State,
        cluster: &Cluster,
        with_context: bool,
        headers: &HeaderMap,
    ) -> Result<Self, Trouble> {
        let store = &state.api.store;
        let now = store.now();
        let hours = store.hours(cluster.fingerprint, chart::since(now, DAYS * 24)).await?;
        let day = chart::by_hour(&hours, now, 24);
        let stored = match &cluster.fix_id {
            Some(id) => store.fix(id).await?,
            None => None,
        };
        let may_ask = stored.as_ref().is_none_or(Fix::may_be_asked_for_again);
        let fix = fix(store, stored, now).await?;
        let no_fix = store.unfixed([cluster.fingerprint]).await?.remove(&cluster.fingerprint);
        let told = |reason: crate::model::NoFixReason| {
            let code = reason.code.as_str().replace('_', " ");
            (code, text::line(&reason.reason, LINE_MAX * 4), moment::ago(reason.at, now))
        };
        let title = cluster.summary();
        Ok(Self {
            shell: Shell::of(&state.api, Place::Errors, &title, headers).await,
            id: cluster.fingerprint.to_string(),
            short: cluster.fingerprint.short(),
            severity: cluster.verdict.severity.as_str(),
            status: cluster.status.as_str(),
            status_label: words::status(cluster.status),
            activity: activity(cluster.activity(now)),
            category: words::category(&cluster.verdict.category),
            error_type: text::line(&cluster.detail.error_type, LINE_MAX),
            message: text::template(&cluster.detail.message, text::BLOCK_MAX),
            facts: facts(cluster),
            count: text::number(cluster.count),
            first_seen: moment::ago(cluster.first_seen, now),
            last_seen: moment::ago(cluster.last_seen, now),
            day_total: text::number(day.iter().sum()),
            day: chart::bars(&day, chart::since(now, 24), 1, "Records in the last 24 hours"),
            month: month(&hours, now),
            stack: Stack::of(cluster),
            samples: samples::shown(&cluster.examples, now),
            compared: samples::compared(&cluster.examples),
            grouping: Grouping::of(cluster, now),
            why: Why::of(cluster, &state.rules.current()),
            buttons: buttons(cluster, may_ask && state.why_no_fixes().is_none()),
            why_no_fixes: state.why_no_fixes().filter(|_| fix.is_none()),
            no_fix: no_fix.map(told).filter(|_| fix.as_ref().is_none_or(|fix| fix.pull.is_none())),
            actions: actions(store, cluster, now).await?,
            context: context(state, cluster, with_context).await,
            fix,
        })
    }
}

fn buttons(cluster: &Cluster, can_fix: bool) -> Vec<Button> {
    let is_decided = matches!(cluster.status, ClusterStatus::Ignored | ClusterStatus::Fixed);
    let all = [
        (can_fix, Button { action: "fix", label: "Write a fix now", key: "f" }),
        (!is_decided, Button { action: "resolve", label: "Resolve", key: "e" }),
        (cluster.status != ClusterStatus::Ignored, Button { action: "ignore", label: "Ignore", key: "i" }),
        (is_decided, Button { action: "reopen", label: "Reopen", key: "o" }),
    ];
    all.into_iter().filter_map(|(can, button)| can.then_some(button)).collect()
}

fn activity(activity: Activity) -> &'static str {
    match activity {
        Activity::New => "It is new and going on.",
        Activity::Ongoing => "It is going on.",
        Activity::Regressed => "It is going on although its fix was merged.",
        Activity::Quiet => "It has not been seen for a day.",
    }
}

fn facts(cluster: &Cluster) -> Vec<(&'static str, String)> {
    let detail = &cluster.detail;
    let facts = [
        ("Service", &detail.service),
        ("Namespace", &detail.service_namespace),
        ("Version", &detail.service_version),
        ("Environment", &detail.environment),
        ("Language", &detail.language),
        ("Repository", &detail.vcs_repository_url),
        ("Branch or tag", &detail.vcs_ref_name),
        ("Commit", &detail.vcs_revision),
    ];
    let known = facts.into_iter().filter(|(_, value)| !value.is_empty());
    known.map(|(name, value)| (name, text::line(value, LINE_MAX))).collect()
}

fn month(hours: &[Hour], now: UnixNanos) -> Markup {
    let by_hour = chart::by_hour(hours, now, DAYS * 24);
    let days: Vec<u64> = by_hour.chunks(24).map(|day| day.iter().sum()).collect();
    chart::bars(&days, chart::since(now, DAYS * 24), 24, "Records in the last 30 days")
}

async fn fix(store: &Store, fix: Option<Fix>, now: UnixNanos) -> Result<Option<FixView>, Trouble> {
    let Some(fix) = fix else { return Ok(None) };
    let followed = store.followed(&fix.id).await?;
    Ok(Some(FixView::of(&fix, followed.as_ref(), now)))
}

/// What was done about the error, its other ids and its fix.
async fn actions(store: &Store, cluster: &Cluster, now: UnixNanos) -> Result<Vec<Action>, Trouble> {
    let others = cluster.merging.aliases.iter().map(|alias| alias.fingerprint.to_string());
    let subjects = others.chain([cluster.fingerprint.to_string()]).chain(cluster.fix_id.clone());
    let taken = store.taken_on(subjects, ACTIONS_MAX).await?;
    let action = |taken: Audited| Action {
        at: moment::ago(taken.at, now),
        actor: text::line(&taken.actor, LINE_MAX),
        action: text::line(&taken.action, LINE_MAX).replace('_', " "),
        outcome: text::line(&taken.outcome, LINE_MAX * 2),
    };
    Ok(taken.into_iter().map(action).collect())
}

async fn context(state: &super::State, cluster: &Cluster, asked: bool) -> Context {
    let Some(loki) = &state.loki else { return Context::Unavailable };
    if !asked {
        return Context::Offered;
    }
    match loki.around(&cluster.detail.service, cluster.last_seen).await {
        Ok(lines) => Context::Lines(lines.iter().map(|line| text::line(line, LINE_MAX * 2)).collect()),
        Err(error) => Context::Failed(text::line(&error.to_string(), LINE_MAX)),
    }
}
