//! Which patterns are one: a disjoint-set forest with path halving.

#[derive(Debug, Default)]
pub(super) struct Union {
    parents: Vec<usize>,
}

impl Union {
    pub(super) fn add(&mut self) {
        self.parents.push(self.parents.len());
    }

    pub(super) fn root(&mut self, mut one: usize) -> usize {
        while self.parents[one] != one {
            self.parents[one] = self.parents[self.parents[one]];
            one = self.parents[one];
        }
        one
    }

    pub(super) fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.parents[one.max(other)] = one.min(other);
    }
}
