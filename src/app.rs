//! The composition root: builds every room, joins them, and stops them in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::classify::Classifier;
use crate::config::Config;
use crate::github::GitHub;
use crate::ingest::Refusal;
use crate::pipeline::{Pipeline, PipelineError};
use crate::remedy::{self, Remedy};
use crate::store::Store;
use crate::triage::{self, Triage};
use crate::{api, ingest, telemetry};

/// How long the calls in hand may take once the service is asked to stop. Platforms kill after 10 seconds or more.
const DRAIN_MAX: Duration = Duration::from_secs(8);

/// A running service.
#[derive(Debug)]
pub struct App {
    /// Where OTLP/gRPC is served.
    pub grpc_addr: SocketAddr,
    /// Where the API is served.
    pub api_addr: SocketAddr,
    /// The store, for whoever shows what is in it.
    pub store: Store,
    stopping: Arc<AtomicBool>,
    /// Cancelled when the service is to stop, also by a task that died.
    edges_stop: CancellationToken,
    edges: TaskTracker,
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
        let setup = Arc::new(setup(&config));
        let (store, writer) = Store::open(&config.store, telemetry::now()).await.context(
            "DATABASE_URL: the store cannot be used; name a file in a folder that this program may write to",
        )?;
        let grpc_listener = bind(config.grpc.addr, "LOGMEND_GRPC_ADDR").await?;
        let api_listener = bind(config.api.addr, "LOGMEND_API_ADDR or PORT").await?;

        let mut app = Self {
            grpc_addr: grpc_listener.local_addr()?,
            api_addr: api_listener.local_addr()?,
            store: store.clone(),
            stopping: Arc::default(),
            edges_stop: CancellationToken::new(),
            edges: TaskTracker::new(),
            writer_stop: CancellationToken::new(),
            writer: TaskTracker::new(),
        };
        app.writer.spawn(writer.run(app.writer_stop.clone()));
        let work = Arc::new(Notify::new());
        let triage = Triage::new(store.clone(), config.triage.clone(), setup.can_fix(), Arc::clone(&work));
        app.start_ingest(&config, store.clone(), grpc_listener)?;
        app.start_api(&config, &setup, store.clone(), triage.clone(), api_listener);
        app.start_triage(&config, triage);
        app.start_remedy(config, store, work)?;
        tracing::info!("OTLP/gRPC listening on {}", app.grpc_addr);
        tracing::info!("API listening on {}", app.api_addr);
        tracing::info!("✓ Error monitor initialized");
        Ok(app)
    }

    fn start_ingest(&mut self, config: &Config, store: Store, listener: TcpListener) -> anyhow::Result<()> {
        let classifier = Classifier::new(&config.catalogue).context("the rules cannot be compiled")?;
        let pipeline = Pipeline::new(classifier, store, config.monitoring);
        let handler = handler(pipeline, Arc::clone(&self.stopping));
        let (settings, stop) = (config.grpc.clone(), self.edges_stop.clone());
        self.edge("the OTLP/gRPC receiver", async move {
            ingest::serve(listener, &settings, handler, stop).await.map_err(anyhow::Error::from)
        });
        Ok(())
    }

    fn start_api(
        &mut self,
        config: &Config,
        setup: &Arc<api::Setup>,
        store: Store,
        triage: Triage,
        listener: TcpListener,
    ) {
        let state = api::State {
            store,
            triage,
            setup: Arc::clone(setup),
            clock: telemetry::now,
            stopping: Arc::clone(&self.stopping),
        };
        let router = api::router(state, api::Access::new(config.api.token.clone()));
        let stop = self.edges_stop.clone();
        self.edge(
            "the API",
            async move { api::serve(listener, router, stop).await.map_err(anyhow::Error::from) },
        );
    }

    fn start_triage(&mut self, config: &Config, triage: Triage) {
        if !config.monitoring {
            return;
        }
        let (alignment, stop) = (config.alignment, self.edges_stop.clone());
        self.edge("the monitoring loop", async move {
            triage::run(triage, move |time| alignment.border_after(time), telemetry::now, stop).await;
            Ok(())
        });
        tracing::info!("✓ Autonomous error monitoring started");
    }

    fn start_remedy(&mut self, config: Config, store: Store, work: Arc<Notify>) -> anyhow::Result<()> {
        let (Some(claude), true) = (config.claude, config.monitoring) else { return Ok(()) };
        let github = GitHub::new(&config.github).context("GITHUB_API_URL: the client cannot be built")?;
        let remedy = Remedy::new(store, github, config.github.token.is_some(), &claude, config.remedy)
            .context("ANTHROPIC_BASE_URL: the client cannot be built")?;
        let stop = self.edges_stop.clone();
        self.edge("the writing of fixes", async move {
            remedy::run(remedy, work, telemetry::now, stop).await;
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
        self.edges_stop.cancel();
        self.edges.close();
        if tokio::time::timeout(DRAIN_MAX, self.edges.wait()).await.is_err() {
            tracing::warn!("some calls were not answered in time; their senders send them again");
        }
        self.writer_stop.cancel();
        self.writer.close();
        if tokio::time::timeout(Duration::from_secs(1), self.writer.wait()).await.is_err() {
            tracing::error!(
                "the store did not close in time; what was acknowledged is committed all the same"
            );
        }
    }
}

impl api::Setup {
    fn can_fix(&self) -> bool {
        matches!(self.claude, api::Component::Configured)
    }
}

fn setup(config: &Config) -> api::Setup {
    let claude = match (&config.claude, &config.remedy.repository) {
        (None, _) => api::Component::Disabled("ANTHROPIC_API_KEY is not set: no fixes are written"),
        (Some(_), None) => {
            api::Component::Disabled("GITHUB_REPOSITORY is not set: there is no source to mend")
        }
        (Some(_), Some(_)) => api::Component::Configured,
    };
    let github = match (&config.github.token, &config.remedy.repository) {
        (None, _) => api::Component::Disabled("GITHUB_TOKEN is not set: no pull requests are opened"),
        (Some(_), None) => api::Component::Disabled("GITHUB_REPOSITORY is not set"),
        (Some(_), Some(_)) => api::Component::Configured,
    };
    api::Setup {
        monitoring: config.monitoring,
        interval_secs: config.alignment.length().as_secs(),
        claude,
        github,
    }
}

/// From a request's bytes to its answer, as the receivers know it.
fn handler(pipeline: Pipeline, stopping: Arc<AtomicBool>) -> ingest::Handler {
    Arc::new(move |request| {
        let (pipeline, stopping) = (pipeline.clone(), Arc::clone(&stopping));
        Box::pin(async move {
            if stopping.load(Ordering::Relaxed) {
                return Err(Refusal::Unavailable("logmend is stopping; send again".to_owned()));
            }
            match pipeline.process(request, telemetry::now()).await {
                Ok(_) => Ok(()),
                Err(PipelineError::Malformed(error)) => Err(Refusal::Malformed(error.to_string())),
                Err(error) => Err(Refusal::Unavailable(format!("{error}; send again"))),
            }
        })
    })
}

async fn bind(addr: SocketAddr, setting: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(addr).await.with_context(|| {
        format!("{setting}: cannot listen on {addr}; end the program that has this port, or set another one")
    })
}
