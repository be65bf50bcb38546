//! Whether the code that stands in a file can be the code that a frame tells of.

use crate::model::Frame;

/// How far a function's name may stand before a line of it, and after: names of nested ones stand below.
const LINES_BEFORE: usize = 150;
const LINES_AFTER: usize = 30;

/// Words in functions' names that are the compiler's or the runtime's, not the source's.
const NO_NAMES: [&str; 22] = [
    "anonymous",
    "module",
    "lambda",
    "anonfun",
    "locals",
    "listcomp",
    "genexpr",
    "dictcomp",
    "init",
    "clinit",
    "ctor",
    "cctor",
    "closure",
    "Object",
    "async",
    "new",
    "eval",
    "MoveNext",
    "apply",
    "invoke",
    "invokeSuspend",
    "impl",
];

/// Whether a file has the frame's line, with the frame's function named near it.
pub(super) fn holds(text: &str, frame: &Frame) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let line = frame.line.map_or(1, |line| usize::try_from(line).unwrap_or(usize::MAX));
    if line > lines.len() {
        return false;
    }
    let Some(name) = own_name(&frame.function) else { return true };
    let window = &lines[line.saturating_sub(LINES_BEFORE)..(line + LINES_AFTER).min(lines.len())];
    window.iter().any(|text| words(text).any(|word| word == name))
}

/// The function's own name, without its class, module, type parameters and what compilers add.
fn own_name(function: &str) -> Option<&str> {
    let arguments = function.strip_suffix(')').and_then(|call| call.rfind('('));
    let function = arguments.map_or(function, |at| &function[..at]);
    words(function).filter(|word| is_name(word)).last()
}

fn is_name(word: &str) -> bool {
    // Go numbers closures: `charge.func1`, `charge.gowrap2`.
    let numbered = ["func", "gowrap"].iter().any(|begin| {
        word.strip_prefix(begin).is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    });
    !numbered && !word.bytes().all(|b| b.is_ascii_digit()) && !NO_NAMES.contains(&word)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_goes_by_its_own_name() {
        for (function, expected) in [
            ("charge", Some("charge")),
            ("Cart.total", Some("total")),
            ("Cart.total.<locals>.<lambda>", Some("total")),
            ("<module>", None),
            ("com.shop.Cart$Line.lambda$total$0", Some("total")),
            ("com.shop.Cart.<init>", Some("Cart")),
            ("Shop.Cart..ctor", Some("Cart")),
            ("main.(*Cart).Total", Some("Total")),
            ("main.charge.func1", Some("charge")),
            ("shop::cart::total::{{closure}}", Some("total")),
            ("<shop::Cart as shop::Sum>::total", Some("total")),
            ("Object.<anonymous>", None),
            ("new Cart", Some("Cart")),
            ("", None),
        ] {
            assert_eq!(own_name(function), expected, "{function}");
        }
    }
}
