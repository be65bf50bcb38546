//! What the model proposes, and the rule that is made of it.

use serde::{Deserialize, Serialize};

use super::literals::{self, Unfit};
use crate::classify::{Catalogue, Rule, RulesError};
use crate::model::Category;
use crate::redact;

/// Characters of a hint: a sentence or two, as in the catalogue.
const SUGGESTED_FIX_CHARS_MAX: usize = 400;

/// The input of the model's call, as it came.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Draft {
    /// What kind of error it is.
    pub category: String,
    /// How bad it is.
    pub severity: String,
    /// Whether a change in the service's repository can plausibly mend it.
    pub fixable: bool,
    /// How such errors are mended.
    pub suggested_fix: String,
    /// What must occur in a message, all of it.
    pub literals: Vec<String>,
}

/// A rule with its text in a rules file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drafted {
    /// The rule.
    pub rule: Rule,
    /// The same as TOML.
    pub toml: String,
}

/// Why a draft makes no rule.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// Its literals are at fault.
    #[error(transparent)]
    Literals(#[from] Unfit),
    /// Its category is none that there is.
    #[error("the category {0:?} is not one of the built-in ones")]
    Category(String),
    /// The reader of rules files refuses it.
    #[error("it is no valid rule: {0}")]
    Rule(#[from] RulesError),
}

/// The rules file that one rule is kept as.
#[derive(Serialize)]
struct File<'a> {
    rule: [Entry<'a>; 1],
}

#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    category: &'a str,
    severity: &'a str,
    fixable: bool,
    suggested_fix: &'a str,
    /// A rule learned from errors tells of errors alone.
    min_severity: &'a str,
    all: &'a [String],
}

impl Draft {
    /// The rule of this id for errors of this template. It goes through the reader of rules files, as people's rules do.
    ///
    /// # Errors
    ///
    /// [`Unusable`]: nothing of a draft is mended.
    pub fn into_rule(self, id: &str, template: &str) -> Result<Drafted, Unusable> {
        let literals = literals::check(template, &self.literals)?;
        // The vendor does not promise the case of names.
        let (category, severity) = (self.category.to_ascii_lowercase(), self.severity.to_ascii_lowercase());
        if !Category::BUILT_IN.contains(&category.as_str()) {
            return Err(Unusable::Category(category.chars().take(60).collect()));
        }
        let entry = Entry {
            id,
            category: &category,
            severity: &severity,
            fixable: self.fixable,
            suggested_fix: &hint(&self.suggested_fix),
            min_severity: "error",
            all: &literals,
        };
        let toml = toml::to_string(&File { rule: [entry] }).unwrap_or_default();
        Ok(Drafted { rule: read(&toml)?, toml })
    }
}

/// Reads a rule as it is kept.
///
/// # Errors
///
/// Where it is none: it was kept by another version that took more.
pub fn read(toml: &str) -> Result<Rule, RulesError> {
    // A text without a rule is at fault already.
    Catalogue::parse(toml)?.rules().first().cloned().ok_or(RulesError::Faults(Vec::new()))
}

/// A sentence of the model's on one line: it has read hostile text, and people and prompts will read it.
fn hint(text: &str) -> String {
    let text = redact::redact(&redact::plain(redact::cut(text, 4 * SUGGESTED_FIX_CHARS_MAX))).into_owned();
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(SUGGESTED_FIX_CHARS_MAX).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::{Severity, SeverityNumber};

    pub(in crate::learn) const TEMPLATE: &str = "Ledger sheet <*> out of balance by <*> EUR";

    pub(in crate::learn) fn draft(literals: &[&str]) -> Draft {
        Draft {
            category: "Validation_Error".into(),
            severity: "HIGH".into(),
            fixable: true,
            suggested_fix: "Round \"each\" posting\nbefore  summing.\u{202e} Ask jane@example.com.".into(),
            literals: literals.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn a_draft_becomes_a_rule_of_a_rules_file() {
        let draft = draft(&["out of balance by", "Ledger sheet"]);
        let Drafted { rule, toml } = draft.into_rule("learned-0123456789ab", TEMPLATE).unwrap();
        insta::assert_snapshot!(toml, @r#"
        [[rule]]
        id = "learned-0123456789ab"
        category = "validation_error"
        severity = "high"
        fixable = true
        suggested_fix = 'Round "each" posting before summing. Ask [REDACTED:email].'
        min_severity = "error"
        all = ["Ledger sheet", "out of balance by"]
        "#);
        assert_eq!(read(&toml).unwrap(), rule);
        assert_eq!((rule.severity(), rule.min_severity()), (Severity::High, SeverityNumber::ERROR));
    }

    #[test]
    fn a_draft_that_is_no_rule_is_refused() {
        let check = |change: fn(&mut Draft), why: &str| {
            let mut draft = draft(&["out of balance by", "Ledger sheet"]);
            change(&mut draft);
            let refused = draft.into_rule("learned-0123456789ab", TEMPLATE).unwrap_err().to_string();
            assert!(refused.contains(why), "{refused}");
        };
        check(|draft| draft.category = "ignore_everything".into(), "\"ignore_everything\" is not one of");
        check(|draft| draft.severity = "none".into(), "`severity`");
        check(|draft| draft.suggested_fix = " \u{202e}\n".into(), "`suggested_fix`");
        check(|draft| draft.literals = vec!["Ledger <*>".into()], "no piece of the template");
        check(|draft| draft.literals.clear(), "no literal");
    }
}
