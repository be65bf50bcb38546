//! What of all that was found is told: a plain function of what was told within the hour.

use std::collections::BTreeSet;

use super::Settings;
use crate::model::{AlertRule, UnixNanos};
use crate::store::FoundAlert;

/// What is older is not told any more: nobody was set up who could be, or nobody led.
const OLD: UnixNanos = UnixNanos(24 * 3_600 * 1_000_000_000);

/// What becomes of each.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan<'a> {
    /// Told, in this order.
    pub(super) tell: Vec<&'a FoundAlert>,
    /// Held back for the digest.
    pub(super) hold: Vec<&'a FoundAlert>,
    /// Nobody wants it, or it is old.
    pub(super) skip: Vec<&'a FoundAlert>,
}

/// Decides. Of one error each rule tells once in an hour, of all together so many as the settings allow.
pub(super) fn plan<'a>(
    found: &'a [FoundAlert],
    told: &[(AlertRule, String)],
    settings: &Settings,
    now: UnixNanos,
) -> Plan<'a> {
    let mut plan = Plan::default();
    let mut room = settings.per_hour.saturating_sub(told.len() as u64);
    let mut known: BTreeSet<(AlertRule, &str)> = told.iter().map(|(rule, id)| (*rule, id.as_str())).collect();
    for alert in found {
        let of = (alert.rule, alert.error_id.as_str());
        let is_old = now.0.saturating_sub(alert.at.0) > OLD.0;
        if is_old || !settings.rules.contains(&alert.rule) {
            plan.skip.push(alert);
        } else if room == 0 || (!alert.error_id.is_empty() && known.contains(&of)) {
            plan.hold.push(alert);
        } else {
            known.insert(of);
            room -= 1;
            plan.tell.push(alert);
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::super::found;
    use super::*;

    fn alert(rule: AlertRule, error_id: &str, n: u64) -> FoundAlert {
        FoundAlert {
            error_id: error_id.to_owned(),
            ..found(format!("{rule}:{error_id}:{n}"), rule, UnixNanos(n))
        }
    }

    #[test]
    fn each_error_is_told_of_once_in_an_hour_by_a_rule_and_all_within_the_cap() {
        let settings = Settings {
            per_hour: 4,
            rules: [AlertRule::New, AlertRule::Regressed, AlertRule::Budget].into(),
            ..Settings::default()
        };
        let found = [
            alert(AlertRule::New, "a", 1),
            alert(AlertRule::Regressed, "a", 2),
            alert(AlertRule::Regressed, "a", 3),
            alert(AlertRule::Rate, "a", 4),
            alert(AlertRule::Budget, "", 5),
            alert(AlertRule::Budget, "", 6),
            alert(AlertRule::New, "b", 7),
        ];
        let keys = |alerts: &[&FoundAlert]| alerts.iter().map(|alert| alert.at.0).collect::<Vec<_>>();
        let told = [(AlertRule::New, "a".to_owned())];
        let decided = plan(&found, &told, &settings, UnixNanos(9));
        assert_eq!(keys(&decided.tell), [2, 5, 6]);
        assert_eq!(keys(&decided.hold), [1, 3, 7]);
        assert_eq!(keys(&decided.skip), [4]);
        let decided = plan(&found, &[], &settings, UnixNanos(OLD.0 + 7));
        assert_eq!((keys(&decided.tell), decided.hold.len(), decided.skip.len()), (vec![7], 0, 6));
    }
}
