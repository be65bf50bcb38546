//! Clusters that are one error.

use super::{ClusterStatus, Fingerprint, UnixNanos};

/// Clusters that are one error, as the end of a window found them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Family {
    /// The id of them all: the smallest of their fingerprints.
    pub id: Fingerprint,
    /// The others, ascending.
    pub aliases: Vec<Fingerprint>,
    /// The template of them all.
    pub template: String,
    /// Why they are one, as a sentence for people.
    pub reason: String,
}

/// A cluster that is named by its message, as far as others are compared with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its id on its own.
    pub fingerprint: Fingerprint,
    /// The service.
    pub service: String,
    /// The exception's type as the first record spelled it, or empty.
    pub error_type: String,
    /// The message with what varies masked, redacted.
    pub message: String,
}

/// How a cluster came together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Merging {
    /// The other ids that lead to it, the most frequent first, at most [`Merging::ALIASES_MAX`].
    pub aliases: Vec<Alias>,
    /// How many there are in all.
    pub alias_count: u64,
    /// When people took it out of a family, if they did.
    pub separated_at: Option<UnixNanos>,
}

impl Merging {
    /// How many aliases are told: a family can have ten thousand, and people read the first few.
    pub const ALIASES_MAX: usize = 100;
}

/// An id that leads to the cluster of a family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// The id: what its records are counted under.
    pub fingerprint: Fingerprint,
    /// Its own template.
    pub message: String,
    /// Why it is one with the others.
    pub reason: String,
    /// Since when it leads there.
    pub since: UnixNanos,
    /// How many of the cluster's records are its own.
    pub count: u64,
}

impl ClusterStatus {
    /// Which status of a member speaks for its family: the one with the greatest number.
    ///
    /// *Ignored* goes before all others. People said to leave this error, and a word that it had not been written with
    /// until then is no reason to bring it up again; who means one word alone separates it. *Regressed* and *fix proposed*
    /// are next: the fix of one member is the fix of all. See [`ClusterStatus::of_family`] for *fixed*.
    #[must_use]
    pub fn precedence(self) -> u8 {
        match self {
            Self::Ignored => 5,
            Self::Regressed => 4,
            Self::FixProposed => 3,
            Self::Ongoing => 2,
            Self::New => 1,
            Self::Fixed => 0,
        }
    }

    /// The status with that [precedence](ClusterStatus::precedence).
    #[must_use]
    pub fn from_precedence(precedence: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.precedence() == precedence)
    }

    /// Where a family stands: as its `foremost` member does. Where a member is fixed and others are merely seen, the latest
    /// record tells: a fixed member's (`fixed_seen` is its time), and all of them are fixed; another's, and the error
    /// came back in other words.
    ///
    /// What sets a status sets it on all members of that time, so a member that is not fixed beside one that is joined later.
    #[must_use]
    pub fn of_family(foremost: Self, last_seen: UnixNanos, fixed_seen: Option<UnixNanos>) -> Self {
        match (foremost, fixed_seen) {
            (Self::New | Self::Ongoing, Some(fixed_seen)) if last_seen > fixed_seen => Self::Regressed,
            (Self::New | Self::Ongoing, Some(_)) => Self::Fixed,
            _ => foremost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ClusterStatus::{FixProposed, Fixed, Ignored, New, Ongoing, Regressed};
    use super::*;

    /// Members as status and last record.
    #[track_caller]
    fn check(members: &[(ClusterStatus, u64)], expected: ClusterStatus) {
        let foremost = members.iter().map(|(status, _)| status.precedence()).max();
        let foremost = foremost.and_then(ClusterStatus::from_precedence).unwrap();
        let last_seen = members.iter().map(|(_, at)| UnixNanos(*at)).max().unwrap();
        let fixed = members.iter().filter(|(status, _)| *status == Fixed).map(|(_, at)| UnixNanos(*at)).max();
        assert_eq!(ClusterStatus::of_family(foremost, last_seen, fixed), expected, "{members:?}");
    }

    #[test]
    fn a_family_stands_as_its_foremost_member() {
        for status in ClusterStatus::ALL {
            check(&[(status, 1), (status, 2)], status);
            check(&[(status, 1), (Ignored, 2)], Ignored);
        }
        check(&[(New, 1), (Ongoing, 2)], Ongoing);
        check(&[(FixProposed, 1), (New, 2)], FixProposed);
        check(&[(FixProposed, 1), (Regressed, 2)], Regressed);
        check(&[(FixProposed, 1), (Fixed, 2)], FixProposed);
    }

    #[test]
    fn an_error_that_comes_in_other_words_after_its_fix_has_regressed() {
        check(&[(Fixed, 5), (New, 9)], Regressed);
        check(&[(Fixed, 5), (Ongoing, 9)], Regressed);
        check(&[(Fixed, 5), (Ongoing, 4)], Fixed);
    }
}
