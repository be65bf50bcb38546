//! The trial of a drafted rule, before anybody sees it: it must match its own error, and nothing that is known to be else.

use crate::classify::{Catalogue, Class, Classifier, Line, Rule, RulesError, Scratch};
use crate::model::{Exception, Fingerprint, LogRecord, Resource, SeverityNumber, Verdict};
use crate::redact;
use crate::store::Sighting;

/// Other errors that no rule knows and that a rule may match beside its own: a few are its siblings, more are a sign that it
/// is about something that many errors share.
pub const SIBLINGS_MAX: u64 = 10;

/// Why a rule did not pass.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Failed {
    /// It misses what it is for.
    #[error("it does not match the error's own record {0:?}")]
    Misses(String),
    /// It matches what is no error.
    #[error("it matches a line that no rule may match: {0:?}")]
    Benign(String),
    /// It matches what another rule knows.
    #[error("it matches an error that rule {rule} knows: {message:?}")]
    Known {
        /// That rule.
        rule: String,
        /// The error's message, cut.
        message: String,
    },
    /// It matches what was logged as less than an error.
    #[error("it matches what was logged below ERROR: {0:?}")]
    Mild(String),
    /// It matches too much.
    #[error("it matches {0} other errors that no rule knows, more than {SIBLINGS_MAX}")]
    Broad(u64),
}

/// Rules by themselves, to be asked what of the store's clusters they match.
#[derive(Debug)]
pub struct Judge {
    classifier: Classifier,
    scratch: Scratch,
}

impl Judge {
    /// A judge by these rules alone.
    ///
    /// # Errors
    ///
    /// Where no automaton can be built of them.
    pub fn new(rules: Vec<Rule>) -> Result<Self, RulesError> {
        let classifier = Classifier::new(&Catalogue::of(rules.into_iter()))?;
        Ok(Self { classifier, scratch: Scratch::default() })
    }

    /// What the first rule says that holds for one of a cluster's records, at the severity that it had.
    pub fn verdict(&mut self, sighting: &Sighting) -> Option<Verdict> {
        let records = records(sighting, sighting.severity_number);
        let resource = resource(sighting);
        records.into_iter().find_map(|record| self.of(&record, &resource))
    }

    fn of(&mut self, record: &LogRecord<'_>, resource: &Resource<'_>) -> Option<Verdict> {
        match self.classifier.classify(record, resource, &mut self.scratch) {
            Some(Class::Rule(rule)) => Some(rule.verdict()),
            _ => None,
        }
    }

    /// Tries the rules on the error's own records, and on lines that no rule may match.
    ///
    /// Severities are set aside in a trial: it is the text alone that must not match.
    ///
    /// # Errors
    ///
    /// [`Failed`], with the first fault.
    pub fn try_on_own(&mut self, own: &Sighting, must_not_match: &[Line]) -> Result<(), Failed> {
        for record in records(own, SeverityNumber::ERROR) {
            if self.of(&record, &resource(own)).is_none() {
                return Err(Failed::Misses(shown(&String::from_utf8_lossy(record.body))));
            }
        }
        for line in must_not_match {
            let line = Line { severity_number: SeverityNumber::ERROR, ..line.clone() };
            if line.show(|record, resource| self.of(record, resource)).is_some() {
                return Err(Failed::Benign(shown(&line.body)));
            }
        }
        Ok(())
    }

    /// Tries the rules on other errors of the window that it was seen in. Answers how many they match,
    /// with those that were found before.
    ///
    /// # Errors
    ///
    /// As [`Judge::try_on_own`]; [`Failed::Broad`] where they are too many.
    pub fn try_on_others(
        &mut self,
        own: Fingerprint,
        others: &[Sighting],
        mut siblings: u64,
    ) -> Result<u64, Failed> {
        for other in others.iter().filter(|other| other.fingerprint != own) {
            let records = records(other, SeverityNumber::ERROR);
            if !records.iter().any(|record| self.of(record, &resource(other)).is_some()) {
                continue;
            }
            if *other.verdict.rule != *Verdict::NO_RULE {
                let rule = other.verdict.rule.to_string();
                return Err(Failed::Known { rule, message: shown(&other.message) });
            }
            if other.severity_number < SeverityNumber::ERROR {
                return Err(Failed::Mild(shown(&other.message)));
            }
            siblings += 1;
        }
        if siblings > SIBLINGS_MAX { Err(Failed::Broad(siblings)) } else { Ok(siblings) }
    }
}

/// A cluster's records, as far as the store holds them: its examples, or its message where there is none.
fn records(sighting: &Sighting, severity_number: SeverityNumber) -> Vec<LogRecord<'_>> {
    let exception = Exception {
        type_name: sighting.error_type.as_bytes(),
        message: b"",
        stacktrace: sighting.stack_trace.as_bytes(),
    };
    let message = [sighting.message.as_str()].into_iter().filter(|_| sighting.examples.is_empty());
    let bodies = sighting.examples.iter().map(String::as_str).chain(message);
    bodies
        .map(|body| LogRecord { severity_number, body: body.as_bytes(), exception, ..LogRecord::default() })
        .collect()
}

fn resource(sighting: &Sighting) -> Resource<'_> {
    Resource { service_name: sighting.service.as_bytes(), ..Resource::default() }
}

fn shown(text: &str) -> String {
    redact::cut(text, 160).to_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::learn::draft::tests::{TEMPLATE, draft};
    use crate::model::{Category, Severity, UnixNanos};

    pub(in crate::learn) fn sighting(id: u8, rule: &str, severity_number: u64, bodies: &[&str]) -> Sighting {
        Sighting {
            fingerprint: Fingerprint::from_bytes([id; 16]),
            service: "bookkeeping".into(),
            error_type: String::new(),
            message: TEMPLATE.into(),
            stack_trace: String::new(),
            has_in_app_frame: false,
            verdict: Verdict {
                rule: rule.into(),
                category: Category::INTERNAL_ERROR,
                severity: Severity::Medium,
                fixable: false,
                suggested_fix: "Look.".into(),
            },
            count: 3,
            first_seen: UnixNanos(1),
            last_seen: UnixNanos(2),
            severity_number: SeverityNumber::from_wire(severity_number),
            examples: bodies.iter().map(ToString::to_string).collect(),
        }
    }

    const OWN: &[&str] =
        &["Ledger sheet 7 out of balance by 3 EUR", "Ledger sheet 8 out of balance by 40 EUR"];

    fn tried(own: &[&str], others: &[Sighting], must_not_match: &[&str]) -> Result<u64, Failed> {
        let drafted = draft(&["out of balance by", "Ledger sheet"]).into_rule("learned-0", TEMPLATE).unwrap();
        let mut judge = Judge::new(vec![drafted.rule]).unwrap();
        let own = sighting(1, Verdict::NO_RULE, 17, own);
        let window: Vec<_> = others.iter().cloned().chain([own.clone()]).collect();
        let line = |body: &&str| Line { body: (*body).to_owned(), ..Line::default() };
        judge.try_on_own(&own, &must_not_match.iter().map(line).collect::<Vec<_>>())?;
        Ok(judge.try_on_others(own.fingerprint, &window, 0)? + 1)
    }

    #[test]
    fn a_rule_matches_every_record_of_its_error_and_a_few_siblings() {
        assert_eq!(tried(OWN, &[], &["ledger sheets are balanced"]), Ok(1));
        assert_eq!(tried(&[], &[], &[]), Ok(1), "by its message, where there is no example");
        let siblings: Vec<_> = (2..=11).map(|id| sighting(id, Verdict::NO_RULE, 17, OWN)).collect();
        assert_eq!(tried(OWN, &siblings, &[]), Ok(11));
        let other = sighting(9, "redis-down", 17, &["READONLY You can't write against a read only replica"]);
        assert_eq!(tried(OWN, &[other], &[]), Ok(1));
    }

    #[test]
    fn a_rule_that_matches_something_else_fails() {
        let benign = "Ledger sheet 9 was out of balance by 0 EUR, all good";
        for (own, others, must_not_match, failed) in [
            (&["Ledger page 7 out of balance by 3 EUR"][..], vec![], &[][..], "own record"),
            (OWN, vec![], &[benign][..], "no rule may match"),
            (OWN, vec![sighting(2, "bookkeeping", 17, &[benign])], &[], "rule bookkeeping knows"),
            // Below ERROR, by the text alone: the rule itself asks for ERROR.
            (OWN, vec![sighting(2, Verdict::NO_RULE, 13, &[benign])], &[], "below ERROR"),
            (OWN, vec![sighting(2, Verdict::NO_RULE, 0, &[benign])], &[], "below ERROR"),
            (OWN, (2..=12).map(|id| sighting(id, Verdict::NO_RULE, 17, OWN)).collect(), &[], "more than 10"),
        ] {
            let why = tried(own, &others, must_not_match).unwrap_err().to_string();
            assert!(why.contains(failed), "{why}");
        }
    }
}
