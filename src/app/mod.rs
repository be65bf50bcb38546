//! The composition root: builds every room, joins them, and stops them in order.

mod alerting;
mod dashboard;
mod leading;
mod listeners;
mod metrics;
mod missed;
mod model_watch;
mod reload;
mod standing;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::alerts::Alerts;
use crate::classify::{Rules, no_rule_may_match};
use crate::config::Config;
use crate::forward::{self, NextHop, NotDelivered};
use crate::github::GitHub;
use crate::ingest::{Accepted, Reason, Receiver, Refusal};
use crate::leader::Terms;
use crate::learn::question::Asker;
use crate::learn::{Learned, Study};
use crate::loki;
use crate::pipeline::{self, Counts, Pipeline, PipelineError};
use crate::purse::Purse;
use crate::remedy::{self, Follow, Remedy, Wakes};
use crate::store::{Store, Writer};
use crate::telemetry::Metrics;
use crate::triage::{self, Adviser, Origins, Triage};
use crate::{api, claude, ingest, learn, store, telemetry};

use listeners::Listeners;
use reload::Reload;
use standing::Standing;

/// How long the calls in hand may take once the service is asked to stop. Platforms kill after 10 seconds or more.
const DRAIN_MAX: Duration = Duration::from_secs(8);

/// A running service.
#[derive(Debug)]
pub struct App {
    /// Where OTLP/gRPC is served.
    pub grpc_addr: SocketAddr,
    /// Where OTLP/HTTP is served.
    pub http_addr: SocketAddr,
    /// Where the API is served.
    pub api_addr: SocketAddr,
    /// The store, for whoever shows what is in it.
    pub store: Store,
    /// What is counted, for whoever sends it on.
    pub metrics: Arc<Metrics<Counts>>,
    stopping: Arc<AtomicBool>,
    /// Cancelled when the service is to stop, also by a task that died.
    edges_stop: CancellationToken,
    edges: TaskTracker,
    /// The work on requests in hand.
    requests: TaskTracker,
    receiver: Receiver,
    reload: Arc<Reload>,
    /// Cancelled once no edge is left that could send a commit.
    writer_stop: CancellationToken,
    writer: TaskTracker,
}

impl App {
    /// Opens the store, binds the listeners, and starts every task.
    ///
    /// # Errors
    ///
    /// Where the store cannot be opened or a port cannot be bound; the message names the setting and the mend.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        // reqwest and octocrab share one provider; a second start in one process finds it installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        for note in &config.notes {
            tracing::info!("{note}");
        }
        let next_hop = next_hop(&config)?;
        let (rules_told, rules_trouble) = watch::channel(None);
        let (settings_told, settings_trouble) = watch::channel(None);
        let (store, writer) = open_store(&config).await?;
        let (leader, redis_trouble) = leading::leader(&config, &store)?;
        let loki = loki_client(&config)?;
        let (claude_told, claude_trouble) = watch::channel(None);
        let watched = Watched {
            rules: rules_trouble,
            settings: settings_trouble,
            redis: redis_trouble,
            loki: loki.as_ref().map(loki::Client::trouble),
            claude: claude_trouble,
        };
        let setup = Arc::new(setup(&config, next_hop.as_ref(), watched));
        let listeners = Listeners::bind(&config).await?;
        let stopping = Arc::default();
        let requests = TaskTracker::new();
        let rules = Rules::new(config.catalogue.clone()).context("the rules cannot be compiled")?;
        let learned = Learned::new(store.clone(), rules.clone());
        learned.resume().await.context("the learned rules cannot be used")?;
        let pipeline = pipeline(&config, rules.clone(), store.clone(), next_hop.clone());
        if loki.is_some() {
            let arrived = store.arrive(telemetry::instance_id()).await;
            arrived.context("DATABASE_URL: the store does not answer")?;
        }
        let access = api::Access::new(&config.api, store.clone(), telemetry::now);
        let github = github(&config)?;
        let reload = Arc::new(Reload::of(
            &config,
            rules.clone(),
            github.clone(),
            access.tokens().clone(),
            settings_told,
        ));
        let receiver =
            receiver(&config, &pipeline, store.clone(), requests.clone(), Arc::clone(&stopping)).await?;
        let alerts = alerting::alerts(reload.alerts.clone(), &store)?;
        let standing = Standing::of(store.clone());
        let app = Self {
            grpc_addr: listeners.grpc.local_addr()?,
            http_addr: listeners.http.local_addr()?,
            api_addr: listeners.api.local_addr()?,
            store: store.clone(),
            metrics: Arc::new(metrics::metrics(&metrics::Counted {
                config: &config,
                setup: &setup,
                pipeline: &pipeline,
                receiver: &receiver,
                store: &store,
                standing: &standing,
                next_hop: next_hop.as_ref(),
                alerts: &alerts,
            })),
            stopping,
            edges_stop: CancellationToken::new(),
            edges: TaskTracker::new(),
            requests,
            receiver,
            reload: Arc::clone(&reload),
            writer_stop: CancellationToken::new(),
            writer: TaskTracker::new(),
        };
        app.start_writer(writer);
        let terms = app.start_leading(leader, &config);
        app.start_upkeep(&config, &terms);
        app.start_figures(&standing, &terms);
        app.start_alerts(&alerts, &terms);
        let (work, origins) = (Arc::new(Notify::new()), Origins::default());
        let triage = Triage::new(store.clone(), reload.triage.clone(), setup.can_fix(), Arc::clone(&work))
            .mending_only(config.remedy.services_with_source())
            .advised_by(adviser(&config)?)
            .remembered_in(origins.clone());
        let wakes = Wakes::default();
        let state = app.api(setup, triage.clone(), learned.clone(), terms.clone(), alerts);
        let metrics = state.metrics.after(standing.refreshing());
        let state = api::State { webhooks: webhooks(&config, &wakes), metrics, ..state };
        let dashboard = app.dashboard(&config, state.clone(), rules.clone(), loki.clone(), &pipeline);
        let router = api::router(state, access.clone()).merge(crate::dashboard::router(dashboard, access));
        app.start_listeners(&config, listeners, router);
        app.start_rules(&reload, rules, rules_told);
        app.start_forward(next_hop, &terms);
        app.start_reading_back(loki.clone(), pipeline);
        app.start_triage(&config, triage, &terms);
        app.start_learning(&config, learned, &terms)?;
        app.start_watching_the_model(&config, claude_told)?;
        app.start_remedy(config, github, loki, (work, origins), wakes, terms)?;
        app.tell_where();
        Ok(app)
    }

    fn tell_where(&self) {
        tracing::info!("OTLP/gRPC listening on {}", self.grpc_addr);
        tracing::info!("OTLP/HTTP listening on {}", self.http_addr);
        tracing::info!("API listening on {}", self.api_addr);
        tracing::info!("Dashboard at http://{}/", self.api_addr);
        tracing::info!("✓ Error monitor initialized");
    }

    /// A writer that dies takes the service with it, rather than leave it refusing for ever.
    fn start_writer(&self, writer: Writer) {
        let (dies, stop) = (self.edges_stop.clone().drop_guard(), self.writer_stop.clone());
        self.writer.spawn(async move {
            writer.run(stop).await;
            drop(dies);
        });
    }

    fn api(
        &self,
        setup: Arc<api::Setup>,
        triage: Triage,
        learned: Learned,
        terms: Terms,
        alerts: Alerts,
    ) -> api::State {
        let metrics = Arc::clone(&self.metrics);
        api::State {
            store: self.store.clone(),
            triage,
            terms,
            learned,
            alerts,
            metrics: api::MetricsText::new(telemetry::CONTENT_TYPE, move || metrics.text()),
            setup,
            clock: telemetry::now,
            stopping: Arc::clone(&self.stopping),
            webhooks: None,
        }
    }

    fn start_listeners(&self, config: &Config, listeners: Listeners, router: axum::Router) {
        if let Some(warning) = listeners::open_door_warning(config) {
            tracing::warn!("{warning}");
        }
        let receivers = listeners::receivers(self.receiver.clone());
        // Exporters that must show a certificate cannot do so on the API's port, which speaks plain text.
        let mutual = config.ingest.tls.as_ref().is_some_and(|tls| tls.client_authority.is_some());
        let all = listeners::api_and_receivers(router, (!mutual).then(|| self.receiver.clone()));
        let tls = listeners.tls;
        for (name, listener, tls, service) in [
            ("the OTLP/gRPC receiver", listeners.grpc, tls.clone(), Arc::clone(&receivers)),
            ("the OTLP/HTTP receiver", listeners.http, tls.clone(), receivers),
            ("the API", listeners.api, None, all),
        ] {
            let (bounds, stop) = (config.ingest.bounds.clone(), self.edges_stop.clone());
            self.edge(name, async move {
                ingest::serve(listener, tls, &bounds, service, stop).await;
                Ok(())
            });
        }
        if let Some(tls) = tls {
            let stop = self.edges_stop.clone();
            self.edge("the watch over TLS certificates", async move {
                tls.keep_fresh(stop).await;
                Ok(())
            });
        }
    }

    fn start_figures(&self, standing: &Standing, terms: &Terms) {
        standing.led_in(terms.clone());
        let (standing, stop) = (standing.clone(), self.edges_stop.clone());
        self.edge("the reading of what stands in the store", async move {
            standing.keep_fresh(stop).await;
            Ok(())
        });
    }

    fn start_forward(&self, next_hop: Option<NextHop>, terms: &Terms) {
        let Some(hop) = next_hop else { return };
        let (watched, stop) = (hop.clone(), self.edges_stop.clone());
        self.edge("the watch over the next hop", async move {
            forward::watch(watched, stop).await;
            Ok(())
        });
        let (store, terms, stop) = (self.store.clone(), terms.clone(), self.edges_stop.clone());
        self.edge("the summaries for the next hop", async move {
            pipeline::summarise(store, hop, terms, telemetry::now, stop).await;
            Ok(())
        });
    }

    fn start_reading_back(&self, loki: Option<loki::Client>, pipeline: Pipeline) {
        let Some(loki) = loki else { return };
        let (store, stop) = (self.store.clone(), self.edges_stop.clone());
        self.edge("the reading back of what was missed", async move {
            missed::run(loki, store, pipeline, stop).await;
            Ok(())
        });
    }

    fn start_triage(&self, config: &Config, triage: Triage, terms: &Terms) {
        let (alignment, terms, stop) = (config.alignment, terms.clone(), self.edges_stop.clone());
        let border_after = config.monitoring.then_some(move |time| alignment.border_after(time));
        self.edge("the monitoring loop", async move {
            triage::run(triage, terms, border_after, stop).await;
            Ok(())
        });
        if config.monitoring {
            tracing::info!("✓ Autonomous error monitoring started");
        }
    }

    fn start_learning(&self, config: &Config, learned: Learned, terms: &Terms) -> anyhow::Result<()> {
        if !config.monitoring {
            return Ok(());
        }
        let asker = config.claude.as_ref().map(Asker::new).transpose();
        let asker = asker.context("ANTHROPIC_BASE_URL: the client cannot be built")?;
        let purse = Purse::new(self.store.clone(), config.triage.limits.clone());
        if self.store.is_shared() {
            let (learned, stop) = (learned.clone(), self.edges_stop.clone());
            self.edge("the watch over learned rules", async move {
                learned.follow(stop).await;
                Ok(())
            });
        }
        let study =
            Study::new(self.store.clone(), learned, asker, config.learn, purse, no_rule_may_match().into());
        let (store, terms, stop) = (self.store.clone(), terms.clone(), self.edges_stop.clone());
        self.edge("the learning of rules", async move {
            Box::pin(learn::run(study, store, terms, telemetry::now, stop)).await;
            Ok(())
        });
        Ok(())
    }

    fn start_watching_the_model(
        &self,
        config: &Config,
        told: watch::Sender<Option<String>>,
    ) -> anyhow::Result<()> {
        let Some(settings) = config.claude.as_ref().filter(|_| config.monitoring) else { return Ok(()) };
        let claude =
            claude::Client::new(settings).context("ANTHROPIC_BASE_URL: the client cannot be built")?;
        let stop = self.edges_stop.clone();
        self.edge("the watch over Claude's model", async move {
            model_watch::run(claude, told, stop).await;
            Ok(())
        });
        Ok(())
    }

    fn start_remedy(
        &self,
        config: Config,
        github: Option<GitHub>,
        loki: Option<loki::Client>,
        (work, origins): (Arc<Notify>, Origins),
        wakes: Wakes,
        terms: Terms,
    ) -> anyhow::Result<()> {
        let Some(github) = github else { return Ok(()) };
        let has_token = config.github.may_write();
        if has_token {
            // Where fixes are switched off nothing is written, repairs included.
            let claude = config.claude.as_ref().filter(|_| config.triage.auto_fix);
            let follow = Follow::new(self.store.clone(), github.clone(), claude, config.remedy.clone());
            let follow = follow.context("ANTHROPIC_BASE_URL: the client cannot be built")?;
            let (terms, stop) = (terms.clone(), self.edges_stop.clone());
            self.edge("the watch over open pull requests", async move {
                Box::pin(remedy::watch(follow, wakes, terms, telemetry::now, stop)).await;
                Ok(())
            });
        }
        let Some(claude) = config.claude else { return Ok(()) };
        let remedy = Remedy::new(self.store.clone(), github, has_token, &claude, config.remedy)
            .context("ANTHROPIC_BASE_URL: the client cannot be built")?
            .looking_around_in(loki)
            .leading_back_to(origins);
        let stop = self.edges_stop.clone();
        self.edge("the writing of fixes", async move {
            remedy::run(remedy, work, terms, telemetry::now, stop).await;
            Ok(())
        });
        Ok(())
    }

    /// Spawns a task of an edge. One that ends before it is asked to takes the service down with it,
    /// rather than leave it half alive.
    fn edge(&self, name: &'static str, task: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        let stop = self.edges_stop.clone();
        self.edges.spawn(async move {
            // The guard cancels also where the task panics.
            let guard = stop.clone().drop_guard();
            match task.await {
                Err(error) => tracing::error!("{name} failed: {error:#}"),
                Ok(()) if !stop.is_cancelled() => tracing::error!("{name} ended by itself"),
                Ok(()) => {
                    guard.disarm();
                }
            }
        });
    }

    /// Waits until a task has died.
    pub async fn died(&self) {
        self.edges_stop.cancelled().await;
    }

    /// Stops in order: refuses new requests with the retryable answer, commits and answers those in hand,
    /// ends triage and remedy between two steps, closes the store. Answers within ten seconds.
    pub async fn stop(self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.receiver.stop_serving().await;
        self.edges_stop.cancel();
        self.edges.close();
        self.requests.close();
        let drained = async {
            self.edges.wait().await;
            self.requests.wait().await;
        };
        if tokio::time::timeout(DRAIN_MAX, drained).await.is_err() {
            tracing::warn!("some calls were not answered in time; their senders send them again");
        }
        self.writer_stop.cancel();
        self.writer.close();
        if tokio::time::timeout(Duration::from_secs(1), self.writer.wait()).await.is_err() {
            tracing::error!(
                "the store did not close in time; what was acknowledged is committed all the same"
            );
        }
        let _ = tokio::time::timeout(Duration::from_millis(500), self.store.close()).await;
    }
}

/// Events of GitHub wake whoever follows pull requests.
fn webhooks(config: &Config, wakes: &Wakes) -> Option<api::Webhooks> {
    let (secret, wakes) = (config.webhook_secret.clone()?, wakes.clone());
    Some(api::Webhooks::new(secret, move |number| wakes.wake(number)))
}

impl api::Setup {
    fn can_fix(&self) -> bool {
        self.monitoring && !matches!(self.claude, api::Component::Disabled(_))
    }
}

async fn open_store(config: &Config) -> anyhow::Result<(Store, Writer)> {
    Store::open(&config.store, telemetry::now).await.map_err(|error| {
        let why = in_vain(&config.store, &error);
        anyhow::Error::new(error).context(why)
    })
}

/// What may help where the store cannot be opened. Where its schema does not fit, the error says that itself.
fn in_vain(store: &store::Settings, error: &store::StoreError) -> &'static str {
    match store {
        _ if !matches!(error, store::StoreError::Open { .. } | store::StoreError::Unavailable { .. }) => {
            "DATABASE_URL: the store cannot be used"
        }
        store::Settings::Sqlite { .. } => {
            "DATABASE_URL: the store cannot be used; name a file in a folder that this program may write to"
        }
        store::Settings::Postgres(_) => {
            "DATABASE_URL: the store cannot be used; look at host, port, user, password and the name of the database"
        }
    }
}

/// What health watches: why each part is degraded, as it changes; `None` for a part that is not set up.
struct Watched {
    rules: watch::Receiver<Option<String>>,
    settings: watch::Receiver<Option<String>>,
    redis: Option<watch::Receiver<Option<String>>>,
    loki: Option<watch::Receiver<Option<String>>>,
    claude: watch::Receiver<Option<String>>,
}

fn next_hop(config: &Config) -> anyhow::Result<Option<NextHop>> {
    let hop = config.forward.as_ref().map(|settings| NextHop::new(settings, telemetry::now)).transpose();
    hop.context("LOGMEND_FORWARD_ENDPOINT, LOGMEND_FORWARD_CERTIFICATE: look at the URL and the PEM files")
}

/// Nobody speaks to GitHub where no fix is written and none is followed.
fn github(config: &Config) -> anyhow::Result<Option<GitHub>> {
    if !config.monitoring || !(config.github.may_write() || config.claude.is_some()) {
        return Ok(None);
    }
    let github = GitHub::new(&config.github).map(Some);
    github.context("GITHUB_API_URL, LOGMEND_GITHUB_ACCOUNTS: the client cannot be built")
}

fn adviser(config: &Config) -> anyhow::Result<Option<Adviser>> {
    let (Some(claude), Some(repository)) = (&config.claude, &config.remedy.repository) else {
        return Ok(None);
    };
    let adviser = Adviser::new(claude, &repository.to_string());
    adviser.map(Some).context("ANTHROPIC_BASE_URL: the client cannot be built")
}

fn loki_client(config: &Config) -> anyhow::Result<Option<loki::Client>> {
    let client = config.loki.clone().map(|settings| loki::Client::new(settings, telemetry::now)).transpose();
    client.context("LOKI_QUERY_URL: the client cannot be built")
}

fn setup(config: &Config, next_hop: Option<&NextHop>, watched: Watched) -> api::Setup {
    let claude = match (&config.claude, config.remedy.has_repository()) {
        (None, _) => api::Component::Disabled("ANTHROPIC_API_KEY is not set: no fixes are written"),
        (Some(_), false) => {
            api::Component::Disabled("GITHUB_REPOSITORY is not set: there is no source to mend")
        }
        (Some(_), true) => api::Component::Watched(watched.claude),
    };
    let github = match (config.github.may_write(), config.remedy.has_repository()) {
        (false, _) => api::Component::Disabled("GITHUB_TOKEN is not set: no pull requests are opened"),
        (true, false) => api::Component::Disabled("GITHUB_REPOSITORY is not set"),
        (true, true) => api::Component::Configured,
    };
    api::Setup {
        monitoring: config.monitoring,
        learn: config.learn,
        interval_secs: config.alignment.length().as_secs(),
        claude,
        github,
        next_hop: next_hop.map_or(
            api::Component::Disabled("LOGMEND_FORWARD_ENDPOINT is not set: the stream ends here"),
            |hop| api::Component::Watched(hop.trouble()),
        ),
        rules: api::Component::Watched(watched.rules),
        settings: api::Component::Watched(watched.settings),
        redis: watched.redis.map_or(
            api::Component::Disabled("REDIS_URL is not set: the store alone decides which replica leads"),
            api::Component::Watched,
        ),
        loki: watched.loki.map_or(
            api::Component::Disabled("LOKI_ENABLED is not true: what is missed is not read back"),
            api::Component::Watched,
        ),
    }
}

fn pipeline(config: &Config, rules: Rules, store: Store, next_hop: Option<NextHop>) -> Pipeline {
    let pipeline = Pipeline::new(rules, store, config.monitoring)
        .with_limits(config.ingest.bounds.limits, config.kept)
        .keeping_apart(config.clusters_per_window_max)
        .ignoring(telemetry::instance_id());
    match next_hop {
        None => pipeline,
        Some(hop) => pipeline.onward_to(hop),
    }
}

async fn receiver(
    config: &Config,
    pipeline: &Pipeline,
    store: Store,
    requests: TaskTracker,
    stopping: Arc<AtomicBool>,
) -> anyhow::Result<Receiver> {
    let settings = &config.ingest;
    Receiver::new(
        handler(pipeline.clone(), store),
        settings.token.clone(),
        &settings.bounds,
        requests,
        stopping,
    )
    .await
    .context("the gRPC services cannot be described")
}

/// From a request's bytes to its answer, as the receivers know it. Requests come in at a time of the store's clock: one replica
/// whose own is an hour behind must not have what it counted be as good as forgotten by the others.
fn handler(pipeline: Pipeline, store: Store) -> ingest::Handler {
    Arc::new(move |request, transport| {
        let (pipeline, received) = (pipeline.clone(), store.now());
        Box::pin(async move {
            match pipeline.process(request, received, transport).await {
                Ok(receipt) => Ok(Accepted {
                    records: receipt.records,
                    rejected: receipt.rejected + receipt.delivered.rejected,
                    message: receipt.delivered.message,
                }),
                Err(PipelineError::Unreadable(error)) => Err(error.into()),
                Err(PipelineError::NextHop(error @ NotDelivered::Refused { .. })) => {
                    Err(Refusal::new(Reason::Malformed, error.to_string()))
                }
                Err(PipelineError::NextHop(NotDelivered::Retry { after, why })) => {
                    let why = format!("the next hop does not take it now, send again: {why}");
                    Err(Refusal { retry_after: after, ..Refusal::new(Reason::Unavailable, why) })
                }
                Err(error) => Err(Refusal::new(Reason::Unavailable, format!("{error}; send again"))),
            }
        })
    })
}
