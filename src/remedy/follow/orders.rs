//! Orders of people, carried out once each.

use super::command::{self, Command};
use super::decide::step;
use super::{Case, Follow, RemedyError, say};
use crate::model::{ClusterStatus, UnixNanos};
use crate::store::Work;

/// Orders that one look takes; the next look takes the next ones.
const ORDERS_MAX: usize = 10;

impl Follow {
    /// Takes the orders in comments that were not taken before. Those of somebody without write access have no effect.
    pub(super) async fn take_orders(
        &self,
        case: &mut Case,
        clock: fn() -> UnixNanos,
    ) -> Result<(), RemedyError> {
        if case.look.comments == 0 {
            return Ok(());
        }
        let comments = self.github.comments(&case.repository, case.followed.number).await?;
        let orders: Vec<_> = comments
            .into_iter()
            .filter(|comment| !comment.is_by(&case.look.author))
            .filter_map(|comment| Some((command::read(&comment.body)?, comment)))
            .filter(|(_, comment)| !case.steps.contains(&step("order", &comment.id.to_string())))
            .take(ORDERS_MAX)
            .collect();
        for (order, comment) in orders {
            if self.github.is_writer(&case.repository, &comment.author).await? {
                tracing::info!(fix = case.fix.id, by = comment.author, ?order, "people gave an order");
                self.carry_out_order(order, case, &comment.author, comment.id, clock).await?;
            } else {
                tracing::info!(
                    fix = case.fix.id,
                    by = comment.author,
                    "an order without write access has no effect"
                );
            }
            self.note(case, &step("order", &comment.id.to_string()), clock()).await?;
        }
        Ok(())
    }

    async fn carry_out_order(
        &self,
        order: Command,
        case: &mut Case,
        by: &str,
        comment: u64,
        clock: fn() -> UnixNanos,
    ) -> Result<(), RemedyError> {
        let key = step("answer", &comment.to_string());
        match order {
            Command::Ignore => {
                self.store.set_status(case.fix.fingerprint, ClusterStatus::Ignored).await?;
                self.say(case, &key, &say::ignored(by), clock()).await?;
                self.hand_over(case, "people asked to ignore its error", clock()).await
            }
            Command::Retry => match self.why_not_again(case) {
                Some(why) => self.say(case, &key, &say::no_retry(why), clock()).await,
                None if case.followed.work != Work::None => Ok(()),
                None => {
                    case.followed.work = Work::Retry;
                    case.followed.tries = 0;
                    self.store.write_followed(&case.followed).await?;
                    self.audit("retry", &case.fix.id, "asked", clock()).await
                }
            },
        }
    }

    /// Why nothing is tried again, where nothing is.
    fn why_not_again(&self, case: &Case) -> Option<&'static str> {
        if case.followed.handed_over {
            Some(
                "this branch is yours since somebody else has moved it, or since you asked to ignore the error",
            )
        } else {
            self.why_no_writing(&case.fix)
        }
    }
}
