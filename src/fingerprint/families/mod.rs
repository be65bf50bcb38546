//! Window-end merging: what one line cannot tell is settled by all templates that are known.
//!
//! A word that varies without a digit (`queue orders is full`, `queue mails is full`) looks like any other word. Many templates of
//! one shape that differ in that place alone show it. So templates of one service, exception type and shape are compared, and those that
//! differ in one to three places, with many distinct words there, are one *family*, which wears the smallest of their fingerprints.
//!
//! The result is the least fixed point of rules that only ever add: more templates make families grow and never part them. Hence
//! it depends on the set of templates alone: not on their order, not on how they were spread over windows or replicas. One bound
//! is the exception: past [`PAIRED_PATTERNS_MAX`] a group is compared at one place only, so a family that two places had made is
//! found no more. Whoever keeps families keeps those that were made.

mod pattern;
mod union;

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::model::{Family, Fingerprint};

use self::pattern::{Interner, Kind, Pattern, Shape};
use self::union::Union;

/// One template that is known: of a cluster that was named by its message, not by stack frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known<'a> {
    /// The id that the template has on its own.
    pub fingerprint: Fingerprint,
    /// The service; templates of two services never meet.
    pub service: &'a str,
    /// The exception's type, or empty; templates of two types never meet.
    pub error_type: &'a str,
    /// The template, as [`super::template()`] made it.
    pub template: &'a str,
}

/// How many distinct words in one place make it a variable, in a template whose other words say much (see [`WORDS_TELLING`]).
///
/// Fewer are found in place of states and verbs too: a state machine has three or four states, a file is read, written, opened.
const WORDS_MIN: usize = 5;
/// The same, in a template that says little else.
const WORDS_MIN_SHORT: usize = 10;
/// The same, right after a noun that names follow (`queue orders`): two are as often two cases of one thing.
const WORDS_MIN_NAMED: usize = 3;
/// How many words must stay for a template to say much.
const WORDS_TELLING: usize = 4;
/// How many words must stay at the least.
const WORDS_STAYING_MIN: usize = 2;
/// How many chunks a template may have for two places of it to be compared at once: bounds the work at the square of it.
const PAIRED_CHUNKS_MAX: usize = 32;
/// How many patterns a group may have for that. Real messages of one shape are some dozen; thousands are somebody's text, or an
/// attack, and are compared at one place at a time.
const PAIRED_PATTERNS_MAX: usize = 1_000;
/// The same for three places: the third power.
const TRIPLED_CHUNKS_MAX: usize = 12;
/// How often merged templates are compared again. Each round adds one or two places; messages have few more that vary.
const ROUNDS: usize = 3;

/// The families among all templates that are known, ordered by id.
///
/// It takes time in proportion to the templates and their places. Where a group of one shape is small (1,000 patterns), the square of
/// its places comes on top, or the third power of a few.
#[must_use]
pub fn families(known: &[Known<'_>]) -> Vec<Family> {
    let mut groups = BTreeMap::<(&str, &str, Shape), Vec<(Fingerprint, &str)>>::new();
    for one in known {
        let key = (one.service, one.error_type, Shape::of(one.template));
        groups.entry(key).or_default().push((one.fingerprint, one.template));
    }
    let mut families: Vec<_> = groups
        .into_iter()
        .filter(|(_, members)| members.len() > 1)
        .flat_map(|((_, _, shape), members)| of_group(&shape, members))
        .collect();
    families.sort_by_key(|family| family.id);
    families
}

/// The families among templates of one shape.
fn of_group(shape: &Shape, mut members: Vec<(Fingerprint, &str)>) -> Vec<Family> {
    members.sort_unstable();
    members.dedup();
    let mut interner = Interner::default();
    let mut group = Group::default();
    for (_, template) in &members {
        group.add(interner.pattern(template));
    }
    for _ in 0..ROUNDS {
        let before = group.patterns.len();
        group.merge_once(&interner);
        if group.patterns.len() == before {
            break;
        }
    }
    group.families(shape, &interner, &members)
}

/// Patterns of one shape, those of templates first, and which of them are one.
#[derive(Debug, Default)]
struct Group {
    patterns: Vec<Pattern>,
    index: HashMap<Pattern, usize>,
    union: Union,
}

impl Group {
    fn add(&mut self, pattern: Pattern) -> usize {
        if let Some(&known) = self.index.get(&pattern) {
            return known;
        }
        let number = self.patterns.len();
        self.index.insert(pattern.clone(), number);
        self.patterns.push(pattern);
        self.union.add();
        number
    }

    /// Compares all patterns at every place, and at every two places, and adds the patterns that this shows.
    fn merge_once(&mut self, interner: &Interner) {
        let length = self.patterns.first().map_or(0, |pattern| pattern.len());
        let varying: Vec<_> = (0..length).filter(|place| self.varies(*place)).collect();
        for (number, &first) in varying.iter().enumerate() {
            self.merge_at(&[first], interner);
            if length <= PAIRED_CHUNKS_MAX && self.patterns.len() <= PAIRED_PATTERNS_MAX {
                for (next, &second) in varying.iter().enumerate().skip(number + 1) {
                    self.merge_at(&[first, second], interner);
                    for &third in varying[next + 1..].iter().filter(|_| length <= TRIPLED_CHUNKS_MAX) {
                        self.merge_at(&[first, second, third], interner);
                    }
                }
            }
        }
    }

    fn varies(&self, place: usize) -> bool {
        self.patterns.iter().any(|pattern| pattern[place] != self.patterns[0][place])
    }

    /// Gathers the patterns that are alike but for the places; where these take many words, all are one.
    fn merge_at(&mut self, places: &[usize], interner: &Interner) {
        let mut alike = HashMap::<Pattern, Vec<usize>>::new();
        for (number, pattern) in self.patterns.iter().enumerate() {
            if places.iter().all(|place| interner.kind(pattern[*place]).may_vary()) {
                let mut general = pattern.clone();
                for place in places {
                    general[*place] = Interner::MASK;
                }
                alike.entry(general).or_default().push(number);
            }
        }
        for (general, members) in alike {
            let one = self.that_are_one(&general, members, places, interner);
            if one.len() > 1 {
                let general = self.add(general);
                for member in one {
                    self.union.join(general, member);
                }
            }
        }
    }

    /// Which of the patterns that are alike but for the places are one: all of them, those that have a value there, or none.
    /// More patterns never make it fewer.
    fn that_are_one(
        &self,
        general: &Pattern,
        members: Vec<usize>,
        places: &[usize],
        interner: &Interner,
    ) -> Vec<usize> {
        let staying = general.iter().filter(|chunk| interner.kind(**chunk).says_something()).count();
        if members.len() < 2 || staying < WORDS_STAYING_MIN {
            return Vec::new();
        }
        let all =
            places.iter().all(|place| self.takes_any_word(general, &members, *place, staying, interner));
        match places {
            _ if all => members,
            [place] => self.with_values(members, *place, interner),
            _ => Vec::new(),
        }
    }

    /// Whether any word may stand in the place, since many do.
    fn takes_any_word(
        &self,
        general: &Pattern,
        members: &[usize],
        place: usize,
        staying: usize,
        interner: &Interner,
    ) -> bool {
        let chunks: HashSet<_> = members.iter().map(|member| self.patterns[*member][place]).collect();
        let of_kind = |kind| chunks.iter().filter(|chunk| interner.kind(**chunk) == kind).count();
        let (values, partly, words) = (of_kind(Kind::Value), of_kind(Kind::Partly), of_kind(Kind::Word));
        if place == 0 {
            // The first chunk is the subject of most messages.
            return partly + words >= WORDS_MIN_SHORT && staying >= WORDS_TELLING;
        }
        let enough = if staying >= WORDS_TELLING { WORDS_MIN } else { WORDS_MIN_SHORT };
        partly + words >= enough
            || (words >= WORDS_MIN_NAMED && interner.follows_class(general, place))
            // A word where others have a value, right after its key: `user=root` beside `user=<*>`.
            || (values > 0 && interner.follows_key(general, place))
            // Values of two shapes show that the place varies, and so do three words beside them.
            || (words >= WORDS_MIN_NAMED && partly > 0 && values + partly > 1)
    }

    /// Those that have a value in the place, where these are of two shapes: `rdd_<*>` beside `broadcast_<*>` or `<*>`.
    fn with_values(&self, members: Vec<usize>, place: usize, interner: &Interner) -> Vec<usize> {
        let chunk = |member: &usize| self.patterns[*member][place];
        let valued: Vec<_> =
            members.into_iter().filter(|member| interner.kind(chunk(member)) != Kind::Word).collect();
        let shapes: HashSet<_> = valued.iter().map(chunk).collect();
        if shapes.len() > 1 { valued } else { Vec::new() }
    }

    fn families(
        mut self,
        shape: &Shape,
        interner: &Interner,
        members: &[(Fingerprint, &str)],
    ) -> Vec<Family> {
        let mut by_root = BTreeMap::<usize, Vec<(Fingerprint, Pattern)>>::new();
        for (fingerprint, template) in members {
            let Some(pattern) = interner.known(template) else { continue };
            let Some(&number) = self.index.get(&pattern) else { continue };
            by_root.entry(self.union.root(number)).or_default().push((*fingerprint, pattern));
        }
        by_root.into_values().filter_map(|members| family(shape, interner, members)).collect()
    }
}

fn family(shape: &Shape, interner: &Interner, mut members: Vec<(Fingerprint, Pattern)>) -> Option<Family> {
    members.sort_unstable();
    let mut ids: Vec<_> = members.iter().map(|(id, _)| *id).collect();
    ids.dedup();
    let (id, aliases) = ids.split_first().filter(|(_, aliases)| !aliases.is_empty())?;
    let mut general = members[0].1.clone();
    let mut values = Vec::new();
    for place in 0..general.len() {
        let words: HashSet<_> = members.iter().map(|(_, pattern)| pattern[place]).collect();
        if words.len() > 1 {
            general[place] = Interner::MASK;
            values.push(words.len());
        }
    }
    Some(Family {
        id: *id,
        aliases: aliases.to_vec(),
        template: shape.write(&general, interner),
        reason: reason(&values, general.len()),
    })
}

fn reason(values: &[usize], chunks: usize) -> String {
    let counts = values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    let places = if values.len() == 1 { "1 place".to_owned() } else { format!("{} places", values.len()) };
    format!("templates of one shape that differ in {places} of {chunks}, which took {counts} values")
}

#[cfg(test)]
mod tests;
