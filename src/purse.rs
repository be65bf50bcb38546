//! The money that Claude may cost: set aside before each call, written down after it, on all replicas and over restarts.
//!
//! In comes a request with the most that it may read; out goes the answer, or which limit stands against it. Whoever asks
//! Claude asks through here: fixes, rules, and triage. Where Claude's account meets a limit of its own, it is left alone by all
//! of them until that ends or people say so.

use std::time::Duration;

use crate::claude::{Answer, ClaudeError, Client, Request, Usage, price};
use crate::model::{Breaker, Exceeded, Expense, Fence, Limits, UnixNanos};
use crate::store::{Call, Cost, Store, StoreError};

/// Tries of a call that came to nothing and may have been paid for, each set aside anew; and the wait after the first.
const TRIES: u32 = 4;
const WAIT: Duration = Duration::from_millis(500);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum PurseError {
    /// A limit stands against it; Claude was not asked, or said so itself.
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
    /// Claude did not answer, or refused.
    #[error(transparent)]
    Claude(#[from] ClaudeError),
    /// The store did not answer; without it nothing is spent.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The purse; clones share it.
#[derive(Debug, Clone)]
pub struct Purse {
    store: Store,
    limits: Limits,
}

impl Purse {
    /// A purse of these limits, counted in `store`.
    #[must_use]
    pub fn new(store: Store, limits: Limits) -> Self {
        Self { store, limits }
    }

    /// The same, of a leader: nothing is spent by it once its term is over.
    #[must_use]
    pub fn led_by(&self, fence: Fence) -> Self {
        Self { store: self.store.led_by(fence), ..self.clone() }
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Asks Claude, if the most that it may cost is left: `input_tokens_max` read anew, and the longest answer.
    ///
    /// Dropped in the middle, it counts as the most that it may have cost; so does a try whose answer was lost, before the next.
    ///
    /// # Errors
    ///
    /// [`PurseError`].
    pub async fn ask(
        &self,
        claude: &Client,
        request: &Request<'_>,
        input_tokens_max: u64,
        expense: Expense,
        subject: &str,
    ) -> Result<Answer, PurseError> {
        for again in 1..TRIES {
            match self.ask_once(claude, request, input_tokens_max, expense, subject).await {
                Err(PurseError::Claude(error)) if error.is_transient() && error.may_cost() => {
                    tracing::debug!(%error, subject, "Claude's answer was lost");
                    tokio::time::sleep(WAIT * 2_u32.pow(again)).await;
                }
                told => return told,
            }
        }
        self.ask_once(claude, request, input_tokens_max, expense, subject).await
    }

    async fn ask_once(
        &self,
        claude: &Client,
        request: &Request<'_>,
        input_tokens_max: u64,
        expense: Expense,
        subject: &str,
    ) -> Result<Answer, PurseError> {
        let usd_max = price::reserve_usd(request.model, input_tokens_max, request.max_tokens);
        let call = Call { expense, subject, usd_max };
        let reservation = match self.store.reserve(call, &self.limits, self.store.now()).await? {
            Ok(reservation) => reservation,
            Err(exceeded) => {
                self.tell(&exceeded).await;
                return Err(exceeded.into());
            }
        };
        let answered = claude.ask(request).await;
        let settled = match &answered {
            Ok(answer) => {
                self.store.settle(reservation, cost(request.model, &answer.usage), self.store.now()).await
            }
            Err(error) if error.may_cost() => self.store.settle(reservation, None, self.store.now()).await,
            Err(_) => self.store.release(reservation).await,
        };
        if let Err(error) = settled {
            // What was answered is paid for and is used; what was set aside stays counted.
            tracing::warn!(%error, subject, "what a call of Claude cost counts as the most that it may have cost");
        }
        match answered {
            Err(ClaudeError::SpendLimit { message, regained }) => {
                let now = self.store.now();
                let until = UnixNanos::from_secs(regained.after(now.as_secs()));
                let reason = format!("Claude's account has reached a limit on spending: {message}");
                let breaker = Breaker { reason, opened_at: now, until };
                self.store.open_breaker(&breaker).await?;
                let exceeded = Exceeded::Breaker(breaker);
                self.tell(&exceeded).await;
                Err(exceeded.into())
            }
            other => Ok(other?),
        }
    }

    /// Whether something that costs as much can be asked now: what stands against it, where something does. Nothing is set aside.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn look(
        &self,
        expense: Expense,
        subject: &str,
        usd_max: f64,
    ) -> Result<Result<(), Exceeded>, StoreError> {
        let call = Call { expense, subject, usd_max };
        let looked = self.store.could_reserve(call, &self.limits, self.store.now()).await?;
        if let Err(exceeded) = &looked {
            self.tell(exceeded).await;
        }
        Ok(looked)
    }

    /// Says that a limit is met, once a day for each.
    async fn tell(&self, exceeded: &Exceeded) {
        let what = match exceeded {
            Exceeded::Day(_) => "usd_per_day",
            Exceeded::Month(_) => "usd_per_month",
            Exceeded::Breaker(_) => "breaker",
            // Each is told of with its fix.
            Exceeded::Fix { .. } | Exceeded::Calls(_) | Exceeded::Tokens(_) => return,
        };
        match self.store.is_first_today(what, self.store.now()).await {
            Ok(true) => tracing::warn!("{exceeded}; errors are found and counted all the same"),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "{exceeded}"),
        }
    }
}

/// What an answer cost; `None` where it does not say what it used.
fn cost(model: &str, usage: &Usage) -> Option<Cost> {
    let is_told = usage.output_tokens.is_some() && usage.input_tokens.is_some();
    is_told.then(|| Cost { usd: price::cost_usd(model, usage), uncached_tokens: usage.uncached_input() })
}
