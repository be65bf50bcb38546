//! What asking for rules may cost: a little, of its own, within the budgets that fixes have.

/// US dollars for one question: three times what the longest one costs with the model that is asked.
const USD_PER_QUESTION_MAX: f64 = 0.01;
/// US dollars for questions in 24 hours: one each window of 5 minutes costs less.
const USD_PER_DAY_MAX: f64 = 0.50;
/// Questions in 24 hours: as many as there are windows of 5 minutes. Windows that people close by hand are as short as they like.
const QUESTIONS_PER_DAY_MAX: u64 = 288;

/// What questions have used up in 24 hours.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spent {
    /// How many there were.
    pub questions: u64,
    /// US dollars.
    pub usd: f64,
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
}

/// Whether a question that may cost `usd` can be asked, by the budgets of questions. Those of all that Claude does are the
/// purse's.
///
/// # Errors
///
/// The first budget that it would exceed.
pub fn allow(usd: f64, spent: &Spent) -> Result<(), Exceeded> {
    if usd > USD_PER_QUESTION_MAX {
        Err(Exceeded::Question)
    } else if spent.questions >= QUESTIONS_PER_DAY_MAX || spent.usd + usd > USD_PER_DAY_MAX {
        Err(Exceeded::Questions)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_budget_holds() {
        let spent = Spent::default();
        for (usd, spent, allowed) in [
            (0.003, spent, Ok(())),
            (0.011, spent, Err(Exceeded::Question)),
            (0.003, Spent { questions: 287, ..spent }, Ok(())),
            (0.003, Spent { questions: 288, ..spent }, Err(Exceeded::Questions)),
            (0.003, Spent { usd: 0.498, ..spent }, Err(Exceeded::Questions)),
        ] {
            assert_eq!(allow(usd, &spent), allowed, "{usd} {spent:?}");
        }
    }
}
