//! The clusters that take in distinct errors past the bounds of [`Fold`](crate::window::Fold): all are counted, none is lost sight of.
//!
//! A line can hold a new word each time, and a million lines a million templates. Kept apart they would fill the store and
//! keep it from committing anything else. Past the bounds there is one cluster for each service and category, so that people
//! see who floods and with what; and one for each category where even the services are too many.

use std::sync::{Arc, LazyLock};

use crate::model::{Category, ClusterDetail, Fingerprint, Verdict};
use crate::window::Occurrence;

static RULE: LazyLock<Arc<str>> = LazyLock::new(|| Verdict::TOO_MANY.into());

static SUGGESTED_FIX: LazyLock<Arc<str>> = LazyLock::new(|| {
    "Find the sender whose messages differ each time, look at the examples, and log what differs as an attribute.".into()
});

/// Who is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of<'a> {
    /// This service's errors.
    Service(&'a [u8]),
    /// Those of many services.
    Many,
}

/// The same occurrence, counted with the others that are too many. It is as grave as it was, so that the cluster is as grave as
/// the gravest in it, and it is never mended by a change: what is in it is not one error.
pub(super) fn occurrence(one: &Occurrence, of: Of<'_>) -> Occurrence {
    let verdict = Verdict {
        rule: Arc::clone(&RULE),
        category: one.verdict.category.clone(),
        severity: one.verdict.severity,
        fixable: false,
        suggested_fix: Arc::clone(&SUGGESTED_FIX),
    };
    Occurrence { fingerprint: fingerprint(of, &one.verdict.category), verdict, ..*one }
}

/// What is told of them, where the service's name may be shown as this. They are not compared with others: their message is ours.
pub(super) fn detail(of: Of<'_>, service: String, category: &Category) -> ClusterDetail {
    let service = match of {
        Of::Service(_) => service,
        Of::Many => "various".to_owned(),
    };
    let message = format!("more distinct errors of category {category} than one window keeps apart");
    ClusterDetail { service, message, named_by_message: false, ..ClusterDetail::default() }
}

/// Of who and which category, and the same on every replica. It begins as the encoding of no other fingerprint does, which is
/// with its version.
fn fingerprint(of: Of<'_>, category: &Category) -> Fingerprint {
    let mut text = b"logmend: distinct errors past the bound of a window\0".to_vec();
    text.extend_from_slice(category.as_str().as_bytes());
    text.push(0);
    match of {
        Of::Service(b"") => text.extend_from_slice(b"sunknown_service"),
        Of::Service(service) => {
            text.push(b's');
            text.extend_from_slice(service);
        }
        Of::Many => text.push(b'm'),
    }
    let mut bits = [0; 16];
    bits.copy_from_slice(&blake3::hash(&text).as_bytes()[..16]);
    Fingerprint::from_bytes(bits)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_is_one_for_each_service_and_category_and_one_for_many() {
        let categories = [Category::UNKNOWN, Category::INTERNAL_ERROR];
        let of = [
            Of::Service(b"shop"),
            Of::Service(b"cart"),
            Of::Service(b"various"),
            Of::Service(b"m"),
            Of::Many,
        ];
        let ids: BTreeSet<_> =
            categories.iter().flat_map(|category| of.iter().map(|of| fingerprint(*of, category))).collect();
        assert_eq!(ids.len(), 10);
        let unnamed = fingerprint(Of::Service(b""), &Category::UNKNOWN);
        assert_eq!(unnamed, fingerprint(Of::Service(b"unknown_service"), &Category::UNKNOWN));
        // Ids do not drift: replicas of two versions count in one cluster.
        let id = fingerprint(Of::Service(b"shop"), &Category::INTERNAL_ERROR);
        assert_eq!(id.to_string(), "65f6ae8ebdbd906d2beb9b048032d5b0");
    }
}
