//! What asking for rules may cost: a little, of its own, within the budgets that fixes have.

/// US dollars for one question: three times what the longest one costs with the model that is asked.
const USD_PER_QUESTION_MAX: f64 = 0.01;
/// US dollars for questions in 24 hours: one each window of 5 minutes costs less.
const USD_PER_DAY_MAX: f64 = 0.50;
/// Questions in 24 hours: as many as there are windows of 5 minutes. Windows that people close by hand are as short as they like.
const QUESTIONS_PER_DAY_MAX: u64 = 288;

/// The budgets of everything that Claude does, as fixes have them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budgets {
    /// US dollars in 24 hours.
    pub usd_per_day_max: f64,
    /// US dollars in 30 days.
    pub usd_per_month_max: f64,
}

/// What is spent by now.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spent {
    /// Questions in 24 hours.
    pub questions_of_day: u64,
    /// US dollars for them.
    pub usd_for_questions_of_day: f64,
    /// US dollars for everything in 24 hours.
    pub usd_of_day: f64,
    /// US dollars for everything in 30 days.
    pub usd_of_month: f64,
}

/// Why nothing is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Exceeded {
    /// The question alone is too dear.
    #[error("the question may cost more than ${USD_PER_QUESTION_MAX}")]
    Question,
    /// Its own budget of a day.
    #[error("{QUESTIONS_PER_DAY_MAX} questions or ${USD_PER_DAY_MAX:.2} for rules are used up in 24 hours")]
    Questions,
    /// `LOGMEND_MAX_USD_PER_DAY`.
    #[error("the budget of a day is spent (LOGMEND_MAX_USD_PER_DAY)")]
    Day,
    /// `LOGMEND_MAX_USD_PER_MONTH`.
    #[error("the budget of 30 days is spent (LOGMEND_MAX_USD_PER_MONTH)")]
    Month,
}

impl Budgets {
    /// Whether a question that may cost `usd` can be asked.
    ///
    /// # Errors
    ///
    /// The first budget that it would exceed.
    pub fn allow(&self, usd: f64, spent: &Spent) -> Result<(), Exceeded> {
        if usd > USD_PER_QUESTION_MAX {
            Err(Exceeded::Question)
        } else if spent.questions_of_day >= QUESTIONS_PER_DAY_MAX
            || spent.usd_for_questions_of_day + usd > USD_PER_DAY_MAX
        {
            Err(Exceeded::Questions)
        } else if spent.usd_of_day + usd > self.usd_per_day_max {
            Err(Exceeded::Day)
        } else if spent.usd_of_month + usd > self.usd_per_month_max {
            Err(Exceeded::Month)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_budget_holds() {
        let budgets = Budgets { usd_per_day_max: 20.0, usd_per_month_max: 200.0 };
        let spent = Spent::default();
        for (usd, spent, allowed) in [
            (0.003, spent, Ok(())),
            (0.011, spent, Err(Exceeded::Question)),
            (0.003, Spent { questions_of_day: 287, ..spent }, Ok(())),
            (0.003, Spent { questions_of_day: 288, ..spent }, Err(Exceeded::Questions)),
            (0.003, Spent { usd_for_questions_of_day: 0.498, ..spent }, Err(Exceeded::Questions)),
            (0.003, Spent { usd_of_day: 19.99, ..spent }, Ok(())),
            (0.003, Spent { usd_of_day: 19.998, ..spent }, Err(Exceeded::Day)),
            (0.003, Spent { usd_of_month: 200.0, ..spent }, Err(Exceeded::Month)),
        ] {
            assert_eq!(budgets.allow(usd, &spent), allowed, "{usd} {spent:?}");
        }
        let none = Budgets { usd_per_day_max: 0.0, usd_per_month_max: 200.0 };
        assert_eq!(none.allow(0.003, &spent), Err(Exceeded::Day));
    }
}
