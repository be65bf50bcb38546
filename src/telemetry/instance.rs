//! Who this process is, among all that send telemetry.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

/// `service.instance.id` of this process: a random UUID (version 4), as the semantic conventions for resources ask.
///
/// logmend's own log lines carry it. A Collector that takes them may well send them back here, as it sends everything;
/// records of a resource with this id are acknowledged and ignored, or each of them would make the next.
#[must_use]
pub fn instance_id() -> &'static str {
    static ID: LazyLock<String> = LazyLock::new(|| uuid(random(), random()));
    &ID
}

/// The hasher's keys are random; two of them differ.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// RFC 9562, section 5.4: all bits random but those of version and variant.
fn uuid(high: u64, low: u64) -> String {
    let high = high & !0xf000 | 0x4000;
    let low = low & !(0b11 << 62) | (0b10 << 62);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_random_uuid_that_stays() {
        assert_eq!(uuid(0, 0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid(u64::MAX, u64::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(instance_id(), instance_id());
        assert_eq!(instance_id().len(), 36);
        assert_ne!(uuid(random(), random()), uuid(random(), random()));
    }
}
