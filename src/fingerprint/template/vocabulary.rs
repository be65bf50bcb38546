//! The words that say what the next value is, or what happened: one table, so that a word is looked up once.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What a word means to whoever reads a message for its values; several things at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Meaning(u32);

/// The value of this key is the message.
pub(super) const TELLING_KEY: Meaning = Meaning(1);
/// The value of this key names a person, with digits or without.
pub(super) const PERSON_KEY: Meaning = Meaning(1 << 1);
/// The value of this key names one of many things, with digits or without.
pub(super) const NAMING_KEY: Meaning = Meaning(1 << 2);
/// A number after this word is the error's kind, not a value.
pub(super) const CODE_KEY: Meaning = Meaning(1 << 3);
/// A path after this word is a route of HTTP.
pub(super) const ROUTE_KEY: Meaning = Meaning(1 << 4);
/// A method of HTTP, in capitals (RFC 9110).
pub(super) const METHOD: Meaning = Meaning(1 << 5);
/// It may stand between `status` and its number.
pub(super) const FILLER: Meaning = Meaning(1 << 6);
/// It may stand after `user` or a naming key and names nobody.
pub(super) const COMMON: Meaning = Meaning(1 << 7);
/// A unit, which goes with its number.
pub(super) const UNIT: Meaning = Meaning(1 << 8);
/// The word after `user` names somebody where this one stands before it.
pub(super) const BEFORE_USER: Meaning = Meaning(1 << 9);
/// What people prove themselves with: `password for NAME from`.
pub(super) const CREDENTIAL: Meaning = Meaning(1 << 10);
/// A value that tells one case from another.
pub(super) const FIXED: Meaning = Meaning(1 << 11);
/// An account that every system has: a login as one of them is another thing than a login as somebody.
pub(super) const ACCOUNT: Meaning = Meaning(1 << 12);
/// A month, capitalised.
pub(super) const MONTH: Meaning = Meaning(1 << 13);
/// A day of the week, capitalised.
pub(super) const WEEKDAY: Meaning = Meaning(1 << 14);
/// A time zone or half of the day, in capitals.
pub(super) const ZONE: Meaning = Meaning(1 << 15);
/// It says what happened: two messages that differ in such a word are two errors, however many such words there are.
pub(super) const HAPPENING: Meaning = Meaning(1 << 16);
/// A top-level domain that people write without a path: generic ones, and those that networks have inside.
pub(super) const DOMAIN: Meaning = Meaning(1 << 17);
/// What files end in that are no source code; some look like top-level domains.
pub(super) const FILE_ENDING: Meaning = Meaning(1 << 18);
/// What files of source code end in.
pub(super) const SOURCE_ENDING: Meaning = Meaning(1 << 19);
/// A country's top-level domain that is a word of code too: `task.id`, `value.is`.
pub(super) const CODE_LIKE: Meaning = Meaning(1 << 20);

/// A currency (ISO 4217), which goes with its amount on either side.
pub(super) const CURRENCY: Meaning = Meaning(1 << 21);
/// A noun of which there are many, each with a name that follows it.
pub(super) const CLASS: Meaning = Meaning(1 << 22);

/// A status of HTTP may follow it: `answered 503`, `failed with 402`.
pub(super) const ANSWERED: Meaning = Meaning(1 << 23);

/// The table, in lower case.
const WORDS: &[(Meaning, &str)] = &[
    (
        TELLING_KEY,
        "msg message err error reason cause detail details exception description event code status text type level severity \
         state errno info",
    ),
    (PERSON_KEY, "user username user_name ruser login logname owner"),
    (
        NAMING_KEY,
        "host hostname rhost pod container tenant customer account node name id tag key path file filename dir address addr \
         ip email session token server client peer pkg package instance topic queue bucket url",
    ),
    (
        CODE_KEY,
        "status statuscode status_code httpstatus http_status code errorcode error_code errcode exitcode exit_code errno \
         sqlstate sqlcode signal error hresult ntstatus nt_status http grpc-status exit rc ret alert",
    ),
    (ROUTE_KEY, "route uri endpoint target"),
    (METHOD, "get post put patch delete head options"),
    (FILLER, "code is was of with status http error"),
    (
        COMMON,
        "a an the is was are not has had have does did do can cannot could will with from by for of to in on at and or that \
         this no already unknown account agent input data name session request profile token registration authentication \
         login password permission permissions group role record table service error interface space mode settings object \
         model type email message id database level failed exists missing timed must should may lookup info list count \
         creation update process program preferences credentials identity connection logged disconnected",
    ),
    (
        UNIT,
        "b kb mb gb tb pb kib mib gib tib byte bytes kbytes ns us ms s sec secs second seconds msec msecs millis millisecond \
         milliseconds microseconds min mins minute minutes hour hours hrs day days hz khz mhz ghz percent",
    ),
    (BEFORE_USER, "for by as of invalid unknown illegal to"),
    (CREDENTIAL, "password publickey none login logon keyboard-interactive hostbased"),
    (FIXED, "true false yes no on off"),
    (ACCOUNT, "root admin guest test"),
    (
        MONTH,
        "jan feb mar apr may jun jul aug sep oct nov dec january february march april june july august september october \
         november december",
    ),
    (WEEKDAY, "mon tue wed thu fri sat sun monday tuesday wednesday thursday friday saturday sunday"),
    (ZONE, "utc gmt edt est pst pdt cet cest cst mst am pm z"),
    (
        HAPPENING,
        "fail fails failed failing failure refused reset denied timeout timed expired exceeded missing invalid unknown \
         unavailable unreachable closed lost broken aborted cancelled canceled rejected forbidden unauthorized corrupt \
         corrupted full empty null down dead stopped killed crashed overflow underflow duplicate conflict locked deadlock \
         error warning fatal success succeeded ok not no cannot without start stop started starting stopping read write open \
         close connect connected disconnected send receive create delete update insert load save parse true false",
    ),
    (
        DOMAIN,
        "com net org edu gov mil int info biz io dev cloud app local internal lan localdomain arpa intranet corp",
    ),
    (
        FILE_ENDING,
        "log txt json xml yml yaml toml ini cfg conf properties jar war so dll exe sys gz zip tar tgz bz tmp bak csv sql db \
         dat bin sh bat md html css png jpg pdf key pem crt lock pid sock class mum cat apk",
    ),
    (SOURCE_ENDING, "py js mjs cjs ts tsx jsx java kt scala go rs cs fs rb php c cc cpp h ex swift"),
    (ANSWERED, "returned responded response received answered answer got with"),
    (CURRENCY, "usd eur gbp jpy chf cny inr aud cad sek nok dkk pln brl mxn krw zar sgd hkd nzd czk huf try"),
    (
        CLASS,
        "host hostname pod container tenant customer account node server client peer instance topic queue bucket package \
         database table index schema user theme plugin project service job task module partition shard replica broker \
         channel stream namespace cluster deployment repository branch column field key device disk volume interface",
    ),
    (CODE_LIKE, "id is in to at no so my"),
];

/// The longest word of the table, in bytes.
const WORD_BYTES_MAX: usize = 20;

/// A place for each first letter and length.
const PLACES: usize = 26 * (WORD_BYTES_MAX + 1);

/// Words by their first letter and length: a handful in each place.
struct Table {
    /// Sorted by place.
    words: Vec<(&'static str, Meaning)>,
    /// Where the words of each place begin; one more than there are places.
    begins: Vec<u16>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut meanings = BTreeMap::<&str, Meaning>::new();
    for (meaning, words) in WORDS {
        for word in words.split_whitespace() {
            let known = meanings.entry(word).or_default();
            *known = Meaning(known.0 | meaning.0);
        }
    }
    let mut words: Vec<_> = meanings.into_iter().collect();
    words.sort_by_key(|(word, _)| place(word.as_bytes()));
    let begin = |at: usize| words.partition_point(|(word, _)| place(word.as_bytes()) < Some(at));
    let begins = (0..=PLACES).map(|at| u16::try_from(begin(at)).unwrap_or(u16::MAX)).collect();
    Table { words, begins }
});

impl Meaning {
    /// What a word means, in any case of its letters; nothing for most.
    pub(super) fn of(word: &str) -> Self {
        let Some(place) = place(word.as_bytes()) else { return Self::default() };
        let table = &*TABLE;
        let candidates = &table.words[usize::from(table.begins[place])..usize::from(table.begins[place + 1])];
        // Most words fail at their last letter, which is the cheapest to look at.
        let last = word.as_bytes().last().map(u8::to_ascii_lowercase);
        let known = candidates
            .iter()
            .find(|(known, _)| known.as_bytes().last().copied() == last && known.eq_ignore_ascii_case(word));
        known.map_or(Self::default(), |(_, meaning)| *meaning)
    }

    /// Whether this is one of the things that the word means.
    pub(super) fn is(self, meaning: Self) -> bool {
        self.0 & meaning.0 != 0
    }
}

fn place(word: &[u8]) -> Option<usize> {
    let first = word.first()?.to_ascii_lowercase();
    (first.is_ascii_lowercase() && word.len() <= WORD_BYTES_MAX)
        .then(|| usize::from(first - b'a') * (WORD_BYTES_MAX + 1) + word.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_any_case_with_all_their_meanings() {
        let error = Meaning::of("Error");
        assert!(error.is(TELLING_KEY) && error.is(CODE_KEY) && error.is(HAPPENING) && !error.is(UNIT));
        assert_eq!(Meaning::of("cart"), Meaning::default());
        assert_eq!(Meaning::of(""), Meaning::default());
        assert!(Meaning::of("keyboard-interactive").is(CREDENTIAL));
    }

    #[test]
    fn every_word_has_its_place() {
        for (meaning, words) in WORDS {
            for word in words.split_whitespace() {
                assert!(Meaning::of(word).is(*meaning), "{word}");
            }
        }
    }
}
