//! A set of small numbers that is emptied and filled for each record.

/// A set of numbers below a bound, one bit each.
#[derive(Debug, Default)]
pub(super) struct BitSet {
    words: Vec<u64>,
}

impl FromIterator<usize> for BitSet {
    fn from_iter<I: IntoIterator<Item = usize>>(numbers: I) -> Self {
        let numbers: Vec<_> = numbers.into_iter().collect();
        let mut set = Self::default();
        set.reset(numbers.iter().max().map_or(0, |max| max + 1));
        for number in numbers {
            set.insert(number);
        }
        set
    }
}

impl BitSet {
    /// Empties it and makes room for numbers below `bound`; allocates only where the bound has grown.
    pub(super) fn reset(&mut self, bound: usize) {
        self.words.clear();
        self.words.resize(bound.div_ceil(64), 0);
    }

    /// Adds a number below the bound; tells whether it is new.
    pub(super) fn insert(&mut self, number: usize) -> bool {
        let (word, bit) = (&mut self.words[number / 64], 1 << (number % 64));
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Whether a number below the bound is in it.
    pub(super) fn contains(&self, number: usize) -> bool {
        self.words[number / 64] & (1 << (number % 64)) != 0
    }

    /// Whether the two have a number in common.
    pub(super) fn meets(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).any(|(word, other)| word & other != 0)
    }

    /// The numbers in it, from the least.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            let rest = std::iter::successors(Some(word), |rest| Some(rest & rest.wrapping_sub(1)));
            rest.take_while(|rest| *rest != 0).map(move |rest| index * 64 + rest.trailing_zeros() as usize)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_its_numbers_in_order_and_forgets_them_on_reset() {
        let mut set = BitSet::default();
        set.reset(200);
        for number in [199, 0, 64, 63, 64] {
            set.insert(number);
        }
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 63, 64, 199]);
        assert!(set.contains(63) && !set.contains(1));
        assert!(!set.insert(0) && set.insert(1));
        assert!(set.meets(&[7, 63].into_iter().collect()) && !set.meets(&[2, 62, 200].into_iter().collect()));
        set.reset(70);
        assert_eq!(set.iter().count(), 0);
    }
}
