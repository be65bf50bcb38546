//! What may be spent and opened: decided in one transaction that looks at all that is spent and open, on every replica, and sets
//! down at once what it grants. Such transactions run one after the other, so that two can never both take what is left.

use super::engine::{Purpose, Transaction, sql};
use super::{Store, StoreError, alerts};
use crate::model::{Breaker, Cap, Exceeded, Expense, Limits, UnixNanos};

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
const MONTH: u64 = 30 * DAY;

/// What sums of dollars may differ by from adding.
const ROUNDING_USD: f64 = 1e-9;

/// The fixes whose pull request was opened or is about to be, each with when.
const OPENED: &str =
    "SELECT status, repository, coalesce(opening_at, generated_at, created_at) AS opened FROM fix
    WHERE pr_url IS NOT NULL OR status IN ('draft', 'ready', 'repairing')
      OR (opening_at IS NOT NULL AND status IN ('pending', 'generating'))";
/// Those of them that stand open.
const OPEN: &str = "status IN ('draft', 'ready', 'repairing', 'pending', 'generating')";

/// A call of Claude that is about to be made.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// What for.
    pub expense: Expense,
    /// The fix, the proposed rule, or the window.
    pub subject: &'a str,
    /// The most that it may cost, in US dollars.
    pub usd_max: f64,
}

/// What a call of Claude came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// US dollars.
    pub usd: f64,
    /// Tokens read that did not come from the cache.
    pub uncached_tokens: u64,
}

/// Money that is set aside for one call. Unsettled it counts as spent.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Reservation(String);

/// What is used of each limit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// US dollars in a day, reserved ones included.
    pub usd_of_day: f64,
    /// US dollars in a month, reserved ones included.
    pub usd_of_month: f64,
    /// US dollars of the month that are reserved and not settled.
    pub usd_reserved: f64,
    /// Pull requests in an hour.
    pub pull_requests_of_hour: u64,
    /// Pull requests in a day.
    pub pull_requests_of_day: u64,
    /// Pull requests that stand open.
    pub open_pull_requests: u64,
    /// The same in each repository that has some.
    pub open_by_repository: Vec<(String, u64)>,
    /// Fixes that were begun since the open window began.
    pub fixes_of_window: u64,
    /// What the fixes that are being worked on have used up.
    pub attempts: Vec<Attempt>,
    /// Why Claude is not asked, where an account's limit is met.
    pub breaker: Option<Breaker>,
}

/// What one fix has used up, over all restarts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attempt {
    /// The fix.
    pub fix_id: String,
    /// US dollars, reserved ones included.
    pub usd: f64,
    /// Calls of the model.
    pub calls: u64,
    /// Tokens that did not come from the cache.
    pub uncached_tokens: u64,
}

fn before(now: UnixNanos, secs: u64) -> i64 {
    UnixNanos(now.0.saturating_sub(UnixNanos::from_secs(secs).0)).to_i64()
}

impl Store {
    /// Sets aside what a call of Claude may cost at most, or tells which limit it would exceed. Nothing may be asked without.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]; where the connection went in the middle, it may be set aside for nothing.
    pub async fn reserve(
        &self,
        call: Call<'_>,
        limits: &Limits,
        now: UnixNanos,
    ) -> Result<Result<Reservation, Exceeded>, StoreError> {
        let failed = StoreError::while_doing("reserving what a call of Claude may cost");
        let mut transaction = self.database.begin(Purpose::Spending).await.map_err(&failed)?;
        if let Some(exceeded) = exceeded(&mut transaction, call, limits, now).await.map_err(&failed)? {
            transaction.roll_back().await.map_err(failed)?;
            return Ok(Err(exceeded));
        }
        let id = format!("{:032x}", fastrand::u128(..));
        let reserved =
            sql("INSERT INTO claude_call (id, expense, subject, at, usd) VALUES ($1, $2, $3, $4, $5)");
        let reserved = reserved.bind(&id).bind(call.expense.as_str()).bind(call.subject);
        transaction.execute(reserved.bind(now.to_i64()).bind(call.usd_max)).await.map_err(&failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(Ok(Reservation(id)))
    }

    /// Tells whether a call could be made now, and sets nothing aside.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn could_reserve(
        &self,
        call: Call<'_>,
        limits: &Limits,
        now: UnixNanos,
    ) -> Result<Result<(), Exceeded>, StoreError> {
        let failed = StoreError::while_doing("looking at what Claude may cost");
        let mut transaction = self.database.begin(Purpose::Spending).await.map_err(&failed)?;
        let exceeded = exceeded(&mut transaction, call, limits, now).await.map_err(&failed)?;
        transaction.roll_back().await.map_err(failed)?;
        Ok(exceeded.map_or(Ok(()), Err))
    }

    /// Writes what a call came to. `None`: nobody knows, and it counts as the most that it may have cost.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]; it counts as the most that it may have cost then.
    pub async fn settle(
        &self,
        reservation: Reservation,
        cost: Option<Cost>,
        now: UnixNanos,
    ) -> Result<(), StoreError> {
        let settled = match cost {
            Some(cost) => {
                sql("UPDATE claude_call SET settled_at = $2, usd = $3, uncached_tokens = $4 WHERE id = $1")
                    .bind(reservation.0)
                    .bind(now.to_i64())
                    .bind(cost.usd)
                    .bind(cost.uncached_tokens)
            }
            None => sql("UPDATE claude_call SET settled_at = $2 WHERE id = $1")
                .bind(reservation.0)
                .bind(now.to_i64()),
        };
        let settled = self.database.execute(settled).await;
        settled.map(drop).map_err(StoreError::while_doing("writing what a call of Claude came to"))
    }

    /// Gives back what was set aside for a call that Claude did not answer, which costs nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]; it counts as spent then.
    pub async fn release(&self, reservation: Reservation) -> Result<(), StoreError> {
        let released = sql("DELETE FROM claude_call WHERE id = $1").bind(reservation.0);
        let released = self.database.execute(released).await;
        released.map(drop).map_err(StoreError::while_doing("giving back what a call may have cost"))
    }

    /// Whether Claude was asked about something, and may have answered.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn was_asked(&self, expense: Expense, subject: &str) -> Result<bool, StoreError> {
        let asked = sql("SELECT count(*) FROM claude_call WHERE expense = $1 AND subject = $2");
        let asked = self.database.one(asked.bind(expense.as_str()).bind(subject)).await;
        asked
            .and_then(|row| row.number(0))
            .map(|calls| calls > 0)
            .map_err(StoreError::while_doing("reading what Claude was asked"))
    }

    /// Takes the place of one pull request for a fix, at the moment before it is opened. A fix that has one keeps it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn take_pull_request(
        &self,
        fix_id: &str,
        repository: &str,
        limits: &Limits,
        now: UnixNanos,
    ) -> Result<Result<(), Cap>, StoreError> {
        let failed = StoreError::while_doing("taking the place of a pull request");
        let mut transaction = self.database.begin(Purpose::Spending).await.map_err(&failed)?;
        let met = cap(&mut transaction, fix_id, repository, limits, now).await.map_err(&failed)?;
        if let Some(cap) = met {
            transaction.roll_back().await.map_err(failed)?;
            return Ok(Err(cap));
        }
        let taken = sql("UPDATE fix SET opening_at = $2 WHERE id = $1 AND opening_at IS NULL");
        transaction.execute(taken.bind(fix_id).bind(now.to_i64())).await.map_err(&failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(Ok(()))
    }

    /// What is used of each limit.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn usage(&self, now: UnixNanos) -> Result<Usage, StoreError> {
        let failed = StoreError::while_doing("reading what is spent and open");
        let spent = sql(
            "SELECT coalesce(sum(CASE WHEN at >= $1 THEN usd ELSE 0.0 END), 0.0), coalesce(sum(usd), 0.0),
               coalesce(sum(CASE WHEN settled_at IS NULL THEN usd ELSE 0.0 END), 0.0)
             FROM claude_call WHERE at >= $2",
        );
        let spent = spent.bind(before(now, DAY)).bind(before(now, MONTH));
        let spent = self.database.one(spent).await.map_err(&failed)?;
        let opened = sql(format!(
            "SELECT coalesce(sum(CASE WHEN opened >= $1 THEN 1 ELSE 0 END), 0),
               coalesce(sum(CASE WHEN opened >= $2 THEN 1 ELSE 0 END), 0),
               coalesce(sum(CASE WHEN {OPEN} THEN 1 ELSE 0 END), 0),
               (SELECT count(*) FROM fix f WHERE f.created_at >=
                  (SELECT coalesce(max(w.start), 0) FROM \"window\" w WHERE w.closed_at IS NULL))
             FROM ({OPENED}) AS f"
        ));
        let opened = opened.bind(before(now, HOUR)).bind(before(now, DAY));
        let opened = self.database.one(opened).await.map_err(&failed)?;
        let by_repository = self.database.fetch(sql(format!(
            "SELECT repository, count(*) FROM ({OPENED}) AS f WHERE {OPEN} GROUP BY repository ORDER BY repository"
        )));
        let attempts = self.database.fetch(
            "SELECT subject, coalesce(sum(usd), 0.0), count(*), CAST(coalesce(sum(uncached_tokens), 0) AS BIGINT)
             FROM claude_call WHERE expense = 'fix'
               AND subject IN (SELECT id FROM fix WHERE status IN ('pending', 'generating', 'repairing'))
             GROUP BY subject ORDER BY subject",
        );
        Ok(Usage {
            usd_of_day: spent.real(0).map_err(&failed)?,
            usd_of_month: spent.real(1).map_err(&failed)?,
            usd_reserved: spent.real(2).map_err(&failed)?,
            pull_requests_of_hour: opened.number(0).map_err(&failed)?,
            pull_requests_of_day: opened.number(1).map_err(&failed)?,
            open_pull_requests: opened.number(2).map_err(&failed)?,
            fixes_of_window: opened.number(3).map_err(&failed)?,
            open_by_repository: by_repository
                .await
                .map_err(&failed)?
                .iter()
                .map(|row| Ok((row.text(0)?, row.number(1)?)))
                .collect::<Result<_, sqlx::Error>>()
                .map_err(&failed)?,
            attempts: attempts
                .await
                .map_err(&failed)?
                .iter()
                .map(|row| {
                    Ok(Attempt {
                        fix_id: row.text(0)?,
                        usd: row.real(1)?,
                        calls: row.number(2)?,
                        uncached_tokens: row.number(3)?,
                    })
                })
                .collect::<Result<_, sqlx::Error>>()
                .map_err(failed)?,
            breaker: self.breaker(now).await?,
        })
    }

    /// How many fixes were begun since a window was closed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn fixes_begun_after(&self, window: UnixNanos) -> Result<u64, StoreError> {
        let begun = sql("SELECT count(*) FROM fix WHERE created_at >=
               (SELECT w.closed_at FROM \"window\" w WHERE w.start = $1)");
        let begun = self.database.one(begun.bind(window.to_i64())).await;
        begun.and_then(|row| row.number(0)).map_err(StoreError::while_doing("counting fixes"))
    }

    /// Leaves Claude's account alone until a time. One that is left alone for longer stays so.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn open_breaker(&self, breaker: &Breaker) -> Result<(), StoreError> {
        let opened = sql(
            "INSERT INTO breaker AS b (name, reason, opened_at, until) VALUES ('claude', $1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET reason = excluded.reason, opened_at = excluded.opened_at, until = excluded.until
             WHERE b.until < excluded.until",
        );
        let opened =
            opened.bind(&breaker.reason).bind(breaker.opened_at.to_i64()).bind(breaker.until.to_i64());
        let opened = self.database.execute(opened).await;
        opened.map(drop).map_err(StoreError::while_doing("noting that Claude is not to be asked"))
    }

    /// Takes Claude's account up again. False where it was not left alone.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn close_breaker(&self) -> Result<bool, StoreError> {
        // The next one is told of, also on the same day.
        let told = self.database.execute("DELETE FROM control WHERE name = 'told_breaker'").await;
        told.map_err(StoreError::while_doing("noting that Claude may be asked again"))?;
        let closed = self.database.execute("DELETE FROM breaker WHERE name = 'claude'").await;
        closed.map(|gone| gone > 0).map_err(StoreError::while_doing("noting that Claude may be asked again"))
    }

    /// Why Claude is not asked at `now`, where an account's limit is met.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn breaker(&self, now: UnixNanos) -> Result<Option<Breaker>, StoreError> {
        let failed = StoreError::while_doing("reading whether Claude is to be asked");
        let row = self.database.optional(sql(BREAKER).bind(now.to_i64())).await.map_err(&failed)?;
        row.as_ref().map(read_breaker).transpose().map_err(failed)
    }

    /// Notes that a limit is told of on the day of `now`, and in the same transaction that people are alerted of it: false where it
    /// was told on that day before, by whichever replica.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn is_first_today(&self, what: &str, now: UnixNanos) -> Result<bool, StoreError> {
        let told = sql("INSERT INTO control AS c (name, value) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE c.value <> excluded.value");
        let (name, day) = (format!("told_{what}"), now.as_secs() / DAY);
        let noted = alerts::note_budget(what, &name, day, now);
        let told = self.database.execute_together(vec![noted, told.bind(name).bind(day)]).await;
        told.map(|changed| changed > 0).map_err(StoreError::while_doing("noting what was told"))
    }
}

const BREAKER: &str = "SELECT reason, opened_at, until FROM breaker WHERE name = 'claude' AND until > $1";

fn read_breaker(row: &super::engine::Row) -> Result<Breaker, sqlx::Error> {
    Ok(Breaker { reason: row.text(0)?, opened_at: row.time(1)?, until: row.time(2)? })
}

async fn exceeded(
    transaction: &mut Transaction,
    call: Call<'_>,
    limits: &Limits,
    now: UnixNanos,
) -> Result<Option<Exceeded>, sqlx::Error> {
    if let Some(row) = transaction.optional(sql(BREAKER).bind(now.to_i64())).await? {
        return Ok(Some(Exceeded::Breaker(read_breaker(&row)?)));
    }
    let is_over = |spent: f64, limit: f64| spent + call.usd_max > limit + ROUNDING_USD;
    if call.expense == Expense::Fix {
        let attempt = sql(
            "SELECT coalesce(sum(usd), 0.0), count(*), CAST(coalesce(sum(uncached_tokens), 0) AS BIGINT) FROM claude_call
             WHERE expense = 'fix' AND subject = $1",
        );
        let row = transaction.optional(attempt.bind(call.subject)).await?.ok_or(sqlx::Error::RowNotFound)?;
        let (spent, limit) = (row.real(0)?, limits.usd_per_fix);
        if row.number(1)? >= limits.calls_per_fix {
            return Ok(Some(Exceeded::Calls(limits.calls_per_fix)));
        }
        if row.number(2)? >= limits.uncached_tokens_per_fix {
            return Ok(Some(Exceeded::Tokens(limits.uncached_tokens_per_fix)));
        }
        if is_over(spent, limit) {
            return Ok(Some(Exceeded::Fix { limit, spent }));
        }
    }
    let all =
        sql("SELECT coalesce(sum(CASE WHEN at >= $1 THEN usd ELSE 0.0 END), 0.0), coalesce(sum(usd), 0.0)
         FROM claude_call WHERE at >= $2");
    let all = all.bind(before(now, DAY)).bind(before(now, MONTH));
    let row = transaction.optional(all).await?.ok_or(sqlx::Error::RowNotFound)?;
    Ok(if is_over(row.real(0)?, limits.usd_per_day) {
        Some(Exceeded::Day(limits.usd_per_day))
    } else if is_over(row.real(1)?, limits.usd_per_month) {
        Some(Exceeded::Month(limits.usd_per_month))
    } else {
        None
    })
}

async fn cap(
    transaction: &mut Transaction,
    fix_id: &str,
    repository: &str,
    limits: &Limits,
    now: UnixNanos,
) -> Result<Option<Cap>, sqlx::Error> {
    let has_one = sql("SELECT id FROM fix WHERE id = $1 AND (opening_at IS NOT NULL OR pr_url IS NOT NULL)");
    if transaction.optional(has_one.bind(fix_id)).await?.is_some() {
        return Ok(None);
    }
    let counted = sql(format!(
        "SELECT coalesce(sum(CASE WHEN opened >= $1 THEN 1 ELSE 0 END), 0),
           coalesce(sum(CASE WHEN opened >= $2 THEN 1 ELSE 0 END), 0),
           coalesce(sum(CASE WHEN {OPEN} THEN 1 ELSE 0 END), 0),
           coalesce(sum(CASE WHEN {OPEN} AND repository = $3 THEN 1 ELSE 0 END), 0)
         FROM ({OPENED}) AS f"
    ));
    let counted = counted.bind(before(now, HOUR)).bind(before(now, DAY)).bind(repository);
    let row = transaction.optional(counted).await?.ok_or(sqlx::Error::RowNotFound)?;
    let (hour, day, open, here) = (row.number(0)?, row.number(1)?, row.number(2)?, row.number(3)?);
    Ok(if open >= limits.open_pull_requests {
        Some(Cap::Open(open))
    } else if here >= limits.open_pull_requests_per_repository {
        Some(Cap::OpenInRepository(here))
    } else if day >= limits.pull_requests_per_day {
        Some(Cap::PerDay(day))
    } else if hour >= limits.pull_requests_per_hour {
        Some(Cap::PerHour(hour))
    } else {
        None
    })
}
