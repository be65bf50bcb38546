//! Which bytes of a literal are looked for.
//!
//! The filter looks at every `stride`-th byte of a text, so a literal is met at one of `stride` residues of its offset: for each
//! there is a window, four bytes (the *beginning*) and the four that stand one stride further (the *sequel*), the
//! rarest ones of the literal at that residue.

use super::rarity::rarity;
use super::slots::Gram;

const GRAM: usize = 4;

/// A place of a literal that is looked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// Bytes from the literal's first byte to the beginning; one less than none where the byte before the literal is in it.
    pub(super) offset: i32,
    /// The beginning, in all forms that it may take: more than one where one of its bytes is not the literal's.
    pub(super) beginnings: Vec<Gram>,
    /// The sequel, likewise; nothing where less than three of its bytes are the literal's.
    pub(super) sequels: Option<Vec<Gram>>,
}

/// The strides at which a literal of that many bytes has a window at each residue, the greatest first; none for fewer than 3.
pub(super) fn strides(bytes: usize) -> impl Iterator<Item = usize> {
    let greatest = if bytes >= GRAM - 1 { (bytes - 1).min(GRAM) } else { 0 };
    (1..=greatest).rev()
}

/// The windows of a literal without capital letters, one for each residue.
pub(super) fn windows(literal: &[u8], stride: usize) -> impl Iterator<Item = Window> {
    let residues = 0..signed(stride);
    residues.filter_map(move |residue| {
        let offsets = -1..=signed(literal.len()) - 3;
        let at_residue = offsets.filter(|offset| offset.rem_euclid(signed(stride)) == residue);
        // With a stride of 1 there is but one residue, and no need to look before the literal.
        let inside = at_residue.filter(|offset| *offset >= 0 || stride > 1);
        let rarest = inside.max_by_key(|offset| Worth::of(literal, *offset, signed(stride)))?;
        Some(Window {
            offset: rarest,
            beginnings: forms(gram(literal, rarest))?,
            sequels: forms(gram(literal, rarest + signed(stride))),
        })
    })
}

/// What makes one window better than another, weightiest first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Worth {
    /// Bytes of the sequel that are the literal's, if any help.
    sequel_known: usize,
    beginning_known: usize,
    rarity: u32,
}

impl Worth {
    fn of(literal: &[u8], offset: i32, stride: i32) -> Self {
        let known = |offset| gram(literal, offset).iter().flatten().count();
        let from = usize::try_from(offset).unwrap_or_default();
        let text = |bytes: usize| &literal[from..literal.len().min(from + bytes)];
        Self {
            sequel_known: if known(offset + stride) >= GRAM - 1 { known(offset + stride) } else { 0 },
            beginning_known: known(offset),
            rarity: rarity(text(GRAM)) + rarity(text(GRAM + stride.unsigned_abs() as usize)),
        }
    }
}

/// The four bytes at an offset, none where the literal has none.
fn gram(literal: &[u8], offset: i32) -> [Option<u8>; GRAM] {
    std::array::from_fn(|index| {
        let at = usize::try_from(offset + signed(index)).ok()?;
        literal.get(at).copied()
    })
}

/// All grams that the bytes may be; nothing where more than one is not known.
fn forms(bytes: [Option<u8>; GRAM]) -> Option<Vec<Gram>> {
    let filled = |with: u8| Gram::new(bytes.map(|byte| byte.unwrap_or(with)));
    match bytes.iter().filter(|byte| byte.is_none()).count() {
        0 => Some(vec![filled(0)]),
        1 => Some((0..=u8::MAX).filter(|byte| byte & 0x20 != 0).map(filled).collect()),
        _ => None,
    }
}

/// Literals are a few hundred bytes long at most.
fn signed(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
