//! The table that four bytes of a text are looked up in.

#![expect(
    clippy::inline_always,
    reason = "one load for some bytes of each record: a call would cost as much"
)]

use super::windows::Window;

/// A slot's low byte says in which groups a window may begin with these four bytes, its high byte in which groups one may go on
/// with them.
pub(super) type Slot = u16;

/// Groups of windows, so that the beginning of one and the sequel of another rarely make a pair.
pub(super) const GROUPS: u32 = 7;
/// The group of windows whose sequel is not known: any will do.
pub(super) const ANY_SEQUEL: Slot = 1 << GROUPS;

/// Four bytes, the first one lowest, with bit 5 set: capital and small letters are the same, and so are a few other
/// bytes, which the last comparison tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Gram(u32);

/// Bit 5 of each byte.
const FOLD: u32 = 0x2020_2020;
/// 2^32 over the golden ratio (Knuth, The Art of Computer Programming, 6.4): spreads grams over the slots.
const SPREAD: u32 = 0x9E37_79B1;

impl Gram {
    /// Sets bit 5 of each byte.
    #[inline(always)]
    pub(super) const fn fold(bytes: u64) -> u64 {
        bytes | (FOLD as u64) << 32 | FOLD as u64
    }

    #[inline(always)]
    pub(super) const fn new(bytes: [u8; 4]) -> Self {
        Self(u32::from_le_bytes(bytes) | FOLD)
    }

    /// Its number among the slots of a table of the size, a power of two.
    #[inline(always)]
    pub(super) const fn slot(self, slots: usize) -> usize {
        (self.0.wrapping_mul(SPREAD) >> (32 - slots.ilog2())) as usize
    }

    /// The group of the windows that begin so: one for each gram, so that a beginning fills one bit.
    pub(super) const fn group(self) -> u32 {
        (self.0.wrapping_mul(SPREAD) & 0xFFFF) % GROUPS
    }
}

/// The table, in one of three sizes: the small one leaves half of a core's first cache free, the large one fits the second.
#[derive(Debug)]
pub(super) enum Slots {
    Small(Box<[Slot; SMALL]>),
    Medium(Box<[Slot; MEDIUM]>),
    Large(Box<[Slot; LARGE]>),
}

const SMALL: usize = 1 << 13;
const MEDIUM: usize = 1 << 15;
pub(super) const LARGE: usize = 1 << 17;

/// Measured: fewer let more through, more leave the cache.
const SLOTS_PER_BEGINNING: usize = 16;

/// A slot that no literal has a gram in: it goes on with the windows that any sequel will do for.
const EMPTY: Slot = ANY_SEQUEL << (Slot::BITS / 2);

impl Slots {
    /// With some slots for each beginning of a window.
    pub(super) fn for_beginnings(count: usize) -> Self {
        let wanted = count.saturating_mul(SLOTS_PER_BEGINNING);
        if wanted <= SMALL {
            Self::Small(empty())
        } else if wanted <= MEDIUM {
            Self::Medium(empty())
        } else {
            Self::Large(empty())
        }
    }

    /// How many there are.
    #[inline]
    pub(super) const fn count(&self) -> usize {
        match self {
            Self::Small(_) => SMALL,
            Self::Medium(_) => MEDIUM,
            Self::Large(_) => LARGE,
        }
    }

    /// Marks the slots of a window's grams.
    pub(super) fn add(&mut self, window: &Window) {
        let count = self.count();
        let slots = self.as_mut_slice();
        for beginning in &window.beginnings {
            let group = 1 << beginning.group();
            slots[beginning.slot(count)] |= if window.sequels.is_some() { group } else { ANY_SEQUEL };
            for sequel in window.sequels.iter().flatten() {
                slots[sequel.slot(count)] |= group << (Slot::BITS / 2);
            }
        }
    }

    fn as_mut_slice(&mut self) -> &mut [Slot] {
        match self {
            Self::Small(slots) => &mut **slots,
            Self::Medium(slots) => &mut **slots,
            Self::Large(slots) => &mut **slots,
        }
    }
}

#[expect(clippy::unnecessary_box_returns, reason = "the large one might not fit the stack")]
fn empty<const N: usize>() -> Box<[Slot; N]> {
    let slots: Box<[Slot]> = vec![EMPTY; N].into();
    #[expect(clippy::expect_used, reason = "the vector was made that long")]
    slots.try_into().expect("as many as asked for")
}
