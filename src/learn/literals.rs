//! Which literals a learned rule may look for.
//!
//! They come from a model that has read hostile text, so nothing about them is trusted: each must be a piece of the error's
//! own template that never varies, of whole words, and say something of its own. Together they must say enough that the
//! rule is about this error and not about errors as such.

use std::collections::BTreeSet;

/// Literals of one rule: all of them must occur, and a message has few pieces worth naming.
pub const LITERALS_MAX: usize = 4;
/// Bytes of one literal: shorter ones occur by chance.
pub const LITERAL_BYTES_MIN: usize = 8;
/// Bytes of one literal: longer ones are whole messages, of which some part varies after all.
pub const LITERAL_BYTES_MAX: usize = 160;
/// Words of its own that a rule needs, over all its literals: with one, any message of the same subject would match.
const OWN_WORDS_MIN: usize = 2;
/// Bytes of a word that can tell anything.
const WORD_BYTES_MIN: usize = 4;

/// Why literals make no rule.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unfit {
    /// There is none.
    #[error("it names no literal")]
    None,
    /// There are too many.
    #[error("it names {0} literals, more than {LITERALS_MAX}")]
    TooMany(usize),
    /// One is too short or too long.
    #[error("the literal {0:?} is not {LITERAL_BYTES_MIN} to {LITERAL_BYTES_MAX} bytes long")]
    Length(String),
    /// One is not in the template, or only where it varies, or begins or ends in the middle of a word.
    #[error("the literal {0:?} is no piece of the template between its placeholders, in whole words")]
    Foreign(String),
    /// One could stand in any error's message.
    #[error("the literal {0:?} holds no word but such as stand in every log")]
    Common(String),
    /// Together they could stand in many errors' messages.
    #[error("the literals hold fewer than {OWN_WORDS_MIN} words that do not stand in every log")]
    Vague,
}

/// The literals as a rule may have them: trimmed, each once.
///
/// # Errors
///
/// [`Unfit`], with the first literal that is at fault, cut.
pub fn check(template: &str, literals: &[String]) -> Result<Vec<String>, Unfit> {
    let literals: BTreeSet<_> = literals.iter().map(|literal| literal.trim()).collect();
    match literals.len() {
        0 => return Err(Unfit::None),
        count if count > LITERALS_MAX => return Err(Unfit::TooMany(count)),
        _ => {}
    }
    let pieces = pieces(template);
    let mut own = BTreeSet::new();
    for literal in &literals {
        let told = || shown(literal);
        if !(LITERAL_BYTES_MIN..=LITERAL_BYTES_MAX).contains(&literal.len()) {
            return Err(Unfit::Length(told()));
        }
        if !pieces.iter().any(|piece| holds_in_whole_words(piece, literal)) {
            return Err(Unfit::Foreign(told()));
        }
        let words = own_words(literal);
        if words.is_empty() {
            return Err(Unfit::Common(told()));
        }
        own.extend(words);
    }
    if own.len() < OWN_WORDS_MIN {
        return Err(Unfit::Vague);
    }
    Ok(literals.into_iter().map(str::to_owned).collect())
}

/// What of a literal is told: it may be as long as a model's answer.
fn shown(literal: &str) -> String {
    literal.chars().take(60).collect()
}

/// The parts of a template that never vary: what stands between placeholders such as `<*>` and `[REDACTED:token]`.
fn pieces(template: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut from, mut at) = (0, 0);
    while let Some(found) = template[at..].find(['<', '[']) {
        at += found;
        let length = placeholder_bytes(&template[at..]);
        if length == 0 {
            at += 1;
        } else {
            pieces.push(&template[from..at]);
            at += length;
            from = at;
        }
    }
    pieces.push(&template[from..]);
    pieces
}

/// The bytes of the placeholder that the text begins with; 0 where it begins with none. Placeholders are short, so that the
/// search for their end is too.
fn placeholder_bytes(text: &str) -> usize {
    const NAME_BYTES_MAX: usize = 40;
    let (rest, end) = if let Some(rest) = text.strip_prefix('<') {
        (rest, '>')
    } else if let Some(rest) = text.strip_prefix("[REDACTED:") {
        (rest, ']')
    } else {
        return 0;
    };
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '*' | '_' | '-');
    let name = rest.bytes().take(NAME_BYTES_MAX).take_while(|byte| is_name(char::from(*byte))).count();
    if name > 0 && rest[name..].starts_with(end) { text.len() - rest.len() + name + 1 } else { 0 }
}

fn holds_in_whole_words(piece: &str, literal: &str) -> bool {
    piece.match_indices(literal).any(|(at, _)| {
        let before = piece[..at].chars().next_back();
        let after = piece[at + literal.len()..].chars().next();
        let is_cut = |inner: Option<char>, outer: Option<char>| {
            inner.is_some_and(char::is_alphanumeric) && outer.is_some_and(char::is_alphanumeric)
        };
        !is_cut(literal.chars().next(), before) && !is_cut(literal.chars().next_back(), after)
    })
}

/// The words of a literal that do not stand in every log, in lower case; `OrderExpired` and `order_expired` are two each.
fn own_words(literal: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let (mut word, mut was_lower) = (String::new(), false);
    for c in literal.chars().chain([' ']) {
        if !c.is_alphabetic() || (was_lower && c.is_uppercase()) {
            let ended = std::mem::take(&mut word);
            if ended.len() >= WORD_BYTES_MIN && COMMON.binary_search(&&*ended).is_err() {
                words.insert(ended);
            }
        }
        if c.is_alphabetic() {
            word.extend(c.to_lowercase());
        }
        was_lower = c.is_lowercase();
    }
    words
}

/// Words that tell nothing of which error it is: they stand in the messages of all kinds of services. Sorted.
const COMMON: &[&str] = &[
    "abort",
    "aborted",
    "about",
    "action",
    "address",
    "after",
    "again",
    "already",
    "another",
    "application",
    "argument",
    "attempt",
    "attempts",
    "bytes",
    "call",
    "called",
    "cannot",
    "caught",
    "cause",
    "caused",
    "class",
    "client",
    "close",
    "closed",
    "code",
    "command",
    "config",
    "connect",
    "connected",
    "connecting",
    "connection",
    "could",
    "count",
    "critical",
    "data",
    "database",
    "date",
    "debug",
    "does",
    "down",
    "during",
    "empty",
    "error",
    "errors",
    "event",
    "exception",
    "exceptions",
    "execute",
    "executing",
    "execution",
    "exit",
    "expected",
    "fail",
    "failed",
    "failing",
    "fails",
    "failure",
    "false",
    "fatal",
    "field",
    "file",
    "found",
    "from",
    "function",
    "general",
    "handle",
    "handler",
    "handling",
    "has",
    "have",
    "host",
    "http",
    "https",
    "info",
    "input",
    "instance",
    "internal",
    "into",
    "invalid",
    "item",
    "java",
    "job",
    "key",
    "level",
    "line",
    "list",
    "load",
    "loading",
    "message",
    "method",
    "missing",
    "module",
    "more",
    "name",
    "network",
    "node",
    "none",
    "null",
    "number",
    "object",
    "occured",
    "occurred",
    "open",
    "operation",
    "org",
    "output",
    "panic",
    "parameter",
    "path",
    "please",
    "port",
    "problem",
    "process",
    "processed",
    "processing",
    "program",
    "query",
    "queue",
    "raised",
    "read",
    "reading",
    "reason",
    "receive",
    "received",
    "request",
    "requests",
    "response",
    "result",
    "retries",
    "retry",
    "retrying",
    "return",
    "returned",
    "running",
    "runtime",
    "send",
    "sending",
    "sent",
    "server",
    "service",
    "session",
    "should",
    "socket",
    "some",
    "something",
    "stack",
    "start",
    "started",
    "starting",
    "state",
    "status",
    "stop",
    "stopped",
    "string",
    "success",
    "system",
    "task",
    "text",
    "that",
    "then",
    "there",
    "this",
    "thread",
    "throw",
    "thrown",
    "time",
    "timed",
    "timeout",
    "token",
    "trace",
    "traceback",
    "true",
    "trying",
    "type",
    "unable",
    "uncaught",
    "undefined",
    "unexpected",
    "unhandled",
    "unknown",
    "update",
    "user",
    "value",
    "version",
    "warn",
    "warning",
    "went",
    "were",
    "when",
    "while",
    "will",
    "with",
    "within",
    "without",
    "worker",
    "write",
    "writing",
    "wrong",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEMPLATE: &str =
        "Ledger <*> out of balance by <*> EUR: settlement [REDACTED:token] refused by PostingGuard";

    fn verdict(template: &str, literals: &[&str]) -> Result<Vec<String>, Unfit> {
        check(template, &literals.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn pieces_of_the_template_that_say_something_pass() {
        for (template, literals) in [
            (TEMPLATE, &["out of balance by", "refused by PostingGuard"][..]),
            (TEMPLATE, &[" refused by PostingGuard "]),
            (TEMPLATE, &["EUR: settlement", "out of balance by"]),
            ("InventoryReservationExpired: <*>", &["InventoryReservationExpired"]),
            ("E_LEDGER_LOCKED <*>", &["E_LEDGER_LOCKED"]),
            ("a < b: ledger balance <*>", &["ledger balance"]),
            ("Lagerbestand für Käufer überzogen: <*>", &["für Käufer überzogen"]),
        ] {
            let expected: BTreeSet<_> = literals.iter().map(|literal| literal.trim().to_owned()).collect();
            assert_eq!(verdict(template, literals), Ok(expected.into_iter().collect()), "{literals:?}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let long = "ledger balance ".repeat(20);
        for (template, literals, unfit) in [
            (TEMPLATE, &[][..], Unfit::None),
            (TEMPLATE, &["a b", "c d", "e f", "g h", "i j"], Unfit::TooMany(5)),
            (TEMPLATE, &["balance"], Unfit::Length("balance".into())),
            (TEMPLATE, &["   "], Unfit::Length(String::new())),
            (&long, &[long.trim()], Unfit::Length(shown(&long))),
            (TEMPLATE, &["Ledger is out of balance"], Unfit::Foreign("Ledger is out of balance".into())),
            (TEMPLATE, &["balance by <*>"], Unfit::Foreign("balance by <*>".into())),
            (TEMPLATE, &["REDACTED:token"], Unfit::Foreign("REDACTED:token".into())),
            (TEMPLATE, &["out of balanc"], Unfit::Foreign("out of balanc".into())),
            (TEMPLATE, &["edger out"], Unfit::Foreign("edger out".into())),
            (TEMPLATE, &["OUT OF BALANCE BY"], Unfit::Foreign("OUT OF BALANCE BY".into())),
            // Templates that are made to have a rule match everything.
            (
                "Unexpected error occurred",
                &["Unexpected error occurred"],
                Unfit::Common("Unexpected error occurred".into()),
            ),
            ("request failed with status 500", &["request failed"], Unfit::Common("request failed".into())),
            ("ERROR in e o a i n of: ledger", &["in e o a i n of"], Unfit::Common("in e o a i n of".into())),
            ("ledger request failed", &["ledger request failed"], Unfit::Vague),
            ("ledger ledger LEDGER", &["ledger ledger"], Unfit::Vague),
        ] {
            assert_eq!(verdict(template, literals), Err(unfit), "{literals:?}");
        }
    }

    #[test]
    fn common_words_can_be_searched() {
        assert!(COMMON.is_sorted());
    }

    proptest! {
        #[test]
        fn what_passes_is_in_the_template_outside_its_placeholders(
            template in "[a-z<>\\[\\]REDACT:é ]{0,60}",
            literals in prop::collection::vec("[a-z<> é]{0,20}", 0..4),
        ) {
            if let Ok(passed) = check(&template, &literals) {
                for literal in passed {
                    prop_assert!(template.contains(&literal));
                    prop_assert!(pieces(&template).iter().any(|piece| piece.contains(&literal)));
                }
            }
            prop_assert!(pieces(&template).iter().map(|piece| piece.len()).sum::<usize>() <= template.len());
        }
    }
}
