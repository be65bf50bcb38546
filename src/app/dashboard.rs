//! What the dashboard is told of the rest: where logs come in, what the pipeline counts, and the way of a test record.

use super::{App, handler};
use crate::classify::Rules;
use crate::config::Config;
use crate::dashboard::{Flow, Intake, Overview, Recent, State, Test};
use crate::model::Transport;
use crate::pipeline::Pipeline;
use crate::{api, loki};

impl App {
    /// Has the pipeline's numbers kept, and gathers what the pages show.
    pub(super) fn dashboard(
        &self,
        config: &Config,
        api: api::State,
        rules: Rules,
        loki: Option<loki::Client>,
        pipeline: &Pipeline,
    ) -> State {
        let recent = Recent::new(self.flow(pipeline));
        let (kept, stop) = (recent.clone(), self.edges_stop.clone());
        self.edge("the last minutes of the pipeline", async move {
            kept.keep(stop).await;
            Ok(())
        });
        let intake = Intake {
            grpc_addr: self.grpc_addr,
            http_addr: self.http_addr,
            tls: config.ingest.tls.is_some(),
            token: config.ingest.token.clone(),
        };
        let handler = handler(pipeline.clone(), self.store.clone());
        let test = Test::new(move |request| {
            let answer = handler(request, Transport::Http);
            async move { answer.await.map(drop).map_err(|refusal| refusal.why) }
        });
        State { api, rules, loki, intake, test, recent, overview: Overview::default() }
    }

    fn flow(&self, pipeline: &Pipeline) -> impl Fn() -> Flow + Send + Sync + 'static {
        let (pipeline, store, receiver) = (pipeline.clone(), self.store.clone(), self.receiver.clone());
        move || {
            let counts = pipeline.totals().now();
            let of = |count: fn(crate::pipeline::Taken) -> u64| {
                Transport::ALL.into_iter().map(|transport| count(counts.of(transport))).sum()
            };
            Flow {
                received: counts.accepted(),
                matched: counts.classified + counts.joined,
                dropped: counts.ignored,
                repeated: counts.replayed,
                refused: of(|taken| taken.refused),
                requests: of(|taken| taken.requests),
                commits: store.commits().transactions.load(std::sync::atomic::Ordering::Relaxed),
                bytes_in_hand: receiver.bytes_in_flight() as u64,
                waiting: store.waiting().0 as u64,
            }
        }
    }
}
