//! Literals found by bytes of theirs that are rare.
//!
//! The text is read in grams of four bytes, one at every `stride`-th byte. Each is looked up in [`Slots`]; where one may begin a
//! window and the next one may go on with a window of the same group, the literals with such a window are compared. A
//! literal has one window for each residue of its place, so it is met exactly once.
//!
//! After Wu and Manber (A fast algorithm for multi-pattern searching, 1994), who look up the last bytes of a block and skip what
//! no literal can hold; here all skips are equal, so that no load waits for another, and a second gram takes the place of their
//! prefix.

#![expect(
    clippy::inline_always,
    reason = "one load for some bytes of each record: a call would cost as much"
)]

use aho_corasick::{Match, PatternID};

use super::Budget;
use super::slots::{ANY_SEQUEL, Gram, Slot, Slots};
use super::windows::{Window, strides, windows};

/// Grams that are looked up before one branch asks whether any of them tells.
const BLOCK_GRAMS: usize = 8;
/// Bytes that hold so many grams at any stride.
const BLOCK: usize = 32;
/// Windows for which it pays to look: more leave no slot empty.
const BEGINNINGS_MAX: usize = super::slots::LARGE;

/// The windows of all literals.
#[derive(Debug)]
pub(super) struct Grams {
    /// 1 to 4 bytes.
    stride: usize,
    slots: Slots,
    /// By slot: where the literals with a window there begin in `literals`; one more for where the last ones end.
    ranges: Box<[u32]>,
    literals: Box<[Literal]>,
    /// The literals' bytes, one after the other.
    bytes: Box<[u8]>,
}

/// A literal with a window in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Literal {
    /// Its last eight bytes or fewer, folded, the last one highest.
    tail: u64,
    /// The bytes of `tail` that are the literal's.
    mask: u64,
    pattern: PatternID,
    /// From its first byte to the beginning of its window.
    offset: i32,
    /// Where its bytes are, and how many.
    at: u32,
    len: u32,
}

impl Grams {
    /// Nothing where a literal is too short, or there are none, or so many that no slot would be empty.
    pub(super) fn new(texts: &[String]) -> Option<Self> {
        let shortest = texts.iter().map(String::len).min()?;
        strides(shortest).find_map(|stride| Self::with_stride(texts, stride))
    }

    fn with_stride(texts: &[String], stride: usize) -> Option<Self> {
        let mut bytes = Vec::new();
        let mut met = Vec::new();
        for (number, text) in texts.iter().enumerate() {
            let literal = Literal::new(number, text.as_bytes(), bytes.len())?;
            bytes.extend_from_slice(text.as_bytes());
            met.extend(windows(text.as_bytes(), stride).map(|window| (literal, window)));
        }
        let beginnings: usize = met.iter().map(|(_, window)| window.beginnings.len()).sum();
        let mut slots = (beginnings <= BEGINNINGS_MAX).then(|| Slots::for_beginnings(beginnings))?;
        let mut by_slot = Vec::with_capacity(beginnings);
        for (literal, window) in met {
            slots.add(&window);
            let Window { offset, beginnings, .. } = window;
            let literal = Literal { offset, ..literal };
            by_slot.extend(beginnings.into_iter().map(|gram| (gram.slot(slots.count()), literal)));
        }
        by_slot.sort_unstable();
        by_slot.dedup();
        let ranges = ranges(by_slot.iter().map(|(slot, _)| *slot), slots.count());
        let literals = by_slot.into_iter().map(|(_, literal)| literal).collect();
        Some(Self { stride, slots, ranges, literals, bytes: bytes.into() })
    }

    /// Adds all occurrences, in no order; none where the budget did not suffice.
    #[inline]
    pub(super) fn find(&self, text: &[u8], found: &mut Vec<Match>, budget: Budget) -> Option<()> {
        match &self.slots {
            Slots::Small(slots) => self.find_in(slots, text, found, budget),
            Slots::Medium(slots) => self.find_in(slots, text, found, budget),
            Slots::Large(slots) => self.find_in(slots, text, found, budget),
        }
    }

    fn find_in<const N: usize>(
        &self,
        slots: &[Slot; N],
        text: &[u8],
        found: &mut Vec<Match>,
        budget: Budget,
    ) -> Option<()> {
        // The last number: grams in what is left of a text after its blocks, 31 bytes at most.
        match self.stride {
            4 => self.find_by::<N, 4, 8>(slots, text, found, budget),
            3 => self.find_by::<N, 3, 10>(slots, text, found, budget),
            2 => self.find_by::<N, 2, 15>(slots, text, found, budget),
            _ => self.find_by::<N, 1, 29>(slots, text, found, budget),
        }
    }

    fn find_by<const N: usize, const STRIDE: usize, const REST_GRAMS: usize>(
        &self,
        slots: &[Slot; N],
        text: &[u8],
        found: &mut Vec<Match>,
        mut budget: Budget,
    ) -> Option<()> {
        let mut before = 0;
        let mut at = 0;
        while let Some(block) = text[at..].first_chunk() {
            let read = Block::<N, STRIDE, BLOCK_GRAMS> { slots, block, before };
            if read.tells(&mut before) {
                self.compare(text, at, read.which(), found, &mut budget)?;
            }
            at += BLOCK_GRAMS * STRIDE;
        }
        let mut last = [0; 2 * BLOCK];
        let rest = rest(text, at, &mut last)?;
        let read = Block::<N, STRIDE, REST_GRAMS> { slots, block: rest, before };
        let tells = read.tells(&mut before);
        let beyond = before & ANY_SEQUEL != 0;
        if tells || beyond {
            let which = read.which() | u32::from(beyond) << REST_GRAMS;
            self.compare(text, at, which, found, &mut budget)?;
        }
        Some(())
    }

    /// Compares the literals whose window goes on with one of the grams, one bit each, counted from a place of the text on.
    fn compare(
        &self,
        text: &[u8],
        from: usize,
        mut grams: u32,
        found: &mut Vec<Match>,
        budget: &mut Budget,
    ) -> Option<()> {
        while grams != 0 {
            let sequel = from + grams.trailing_zeros() as usize * self.stride;
            grams &= grams - 1;
            let Some(at) = sequel.checked_sub(self.stride) else { continue };
            let slot = gram_at(text, at).slot(self.slots.count());
            let literals = &self.literals[self.ranges[slot] as usize..self.ranges[slot + 1] as usize];
            budget.spend(literals.len())?;
            for literal in literals {
                if let Some(place) = literal.ends_like(text, at) {
                    budget.spend(place.len() / 8)?;
                    if self.bytes(literal).eq_ignore_ascii_case(&text[place.clone()]) {
                        found.push(Match::new(literal.pattern, place));
                    }
                }
            }
        }
        Some(())
    }

    fn bytes(&self, literal: &Literal) -> &[u8] {
        &self.bytes[literal.at as usize..][..literal.len as usize]
    }
}

/// Bytes whose grams are looked up together.
struct Block<'b, const N: usize, const STRIDE: usize, const GRAMS: usize> {
    slots: &'b [Slot; N],
    block: &'b [u8; BLOCK],
    /// The slot of the gram before the first one.
    before: Slot,
}

impl<const N: usize, const STRIDE: usize, const GRAMS: usize> Block<'_, N, STRIDE, GRAMS> {
    /// Whether any gram may go on with a window that the one before it began. Leaves the last one's slot in `last`.
    #[inline(always)]
    fn tells(&self, last: &mut Slot) -> bool {
        let mut told = 0;
        let mut before = self.before;
        for index in 0..GRAMS {
            let slot = self.slot(index);
            told |= before & (slot >> (Slot::BITS / 2));
            before = slot;
        }
        *last = before;
        told != 0
    }

    /// Which ones, one bit each.
    #[cold]
    fn which(&self) -> u32 {
        let mut which = 0;
        let mut before = self.before;
        for index in 0..GRAMS {
            let slot = self.slot(index);
            which |= u32::from(before & (slot >> (Slot::BITS / 2)) != 0) << index;
            before = slot;
        }
        which
    }

    #[inline(always)]
    fn slot(&self, index: usize) -> Slot {
        let (block, at) = (self.block, index * STRIDE);
        self.slots[Gram::new([block[at], block[at + 1], block[at + 2], block[at + 3]]).slot(N)]
    }
}

impl Literal {
    /// Its window is still to be told. None where it or what is before it is too long.
    fn new(number: usize, text: &[u8], at: usize) -> Option<Self> {
        let tail = &text[text.len().saturating_sub(8)..];
        let mask = padded(&[u8::MAX; 8][..tail.len()]);
        Some(Self {
            tail: Gram::fold(padded(tail)) & mask,
            mask,
            pattern: PatternID::new(number).ok()?,
            offset: 0,
            at: u32::try_from(at).ok()?,
            len: u32::try_from(text.len()).ok()?,
        })
    }

    /// Where it stands, if the window at a place of the text is its own, and its last bytes are there.
    #[inline]
    fn ends_like(&self, text: &[u8], at: usize) -> Option<std::ops::Range<usize>> {
        let start = at.checked_add_signed(-(self.offset as isize))?;
        let end = start + self.len as usize;
        let up_to_end = text.get(..end)?;
        let tail = up_to_end.last_chunk().map_or_else(|| padded(up_to_end), |tail| u64::from_le_bytes(*tail));
        (Gram::fold(tail) & self.mask == self.tail).then_some(start..end)
    }
}

/// By slot where its entries begin, and one more for where the last ones end.
fn ranges(slots: impl Iterator<Item = usize>, count: usize) -> Box<[u32]> {
    let mut ranges = vec![0; count + 1];
    for slot in slots {
        ranges[slot + 1] += 1;
    }
    let mut entries = 0;
    for range in &mut ranges {
        entries += *range;
        *range = entries;
    }
    ranges.into()
}

/// What is left of a text, fewer bytes than a block, followed by zeros.
#[inline(always)]
fn rest<'l>(text: &[u8], at: usize, last: &'l mut [u8; 2 * BLOCK]) -> Option<&'l [u8; BLOCK]> {
    let count = text.len() - at;
    match text.last_chunk::<BLOCK>() {
        Some(chunk) => last[..BLOCK].copy_from_slice(chunk),
        None => last[BLOCK - count..BLOCK].copy_from_slice(&text[at..]),
    }
    last.get(BLOCK - count..)?.first_chunk()
}

/// The four bytes at a place; zeros follow the text.
fn gram_at(text: &[u8], at: usize) -> Gram {
    let rest = text.get(at..).unwrap_or_default();
    let whole = rest.first_chunk().copied();
    Gram::new(
        whole.unwrap_or_else(|| std::array::from_fn(|index| rest.get(index).copied().unwrap_or_default())),
    )
}

/// Up to eight bytes, the last one highest.
fn padded(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |tail, byte| tail >> 8 | u64::from(*byte) << 56)
}
