//! Messages whose values were not put in: `user {UserId} has no cart`, as Serilog and .NET log them.

use std::borrow::Cow;

use crate::model::MASK;

/// How long a placeholder may be, in bytes: names are short, and the search for its end stays so too.
const PLACEHOLDER_BYTES_MAX: usize = 64;

/// The text with one mask for every placeholder, such as `{UserId}`, `{@Order}`, `{Elapsed:0.00}`, `{Name,-10}` and `{0}`.
///
/// Names of placeholders change with a refactoring, and the error stays the same. `{{` is a brace that was meant.
/// Syntax: Message Templates (messagetemplates.org).
pub(super) fn without_names(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut taken = 0;
    let mut at = 0;
    while let Some(found) = text[at..].find('{') {
        at += found;
        if text[at..].starts_with("{{") {
            at += 2;
        } else if let Some(length) = placeholder(&text[at..]) {
            out.push_str(&text[taken..at]);
            out.push_str(MASK);
            at += length;
            taken = at;
        } else {
            at += 1;
        }
    }
    if taken == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[taken..]);
    Cow::Owned(out)
}

/// Whether a template holds a word of its own: one such as `{Message}` is a wrapper's, and every message is like it.
pub(super) fn says_something(template: &str) -> bool {
    let mut depth = 0_u32;
    template.chars().any(|c| {
        match c {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && c.is_alphabetic()
    })
}

/// The bytes of the placeholder that the text begins with.
fn placeholder(text: &str) -> Option<usize> {
    let window = &text.as_bytes()[1..text.len().min(PLACEHOLDER_BYTES_MAX)];
    let inside = &window[..window.iter().position(|byte| *byte == b'}')?];
    let name = inside.split(|byte| matches!(byte, b',' | b':')).next().unwrap_or_default();
    let format = &inside[name.len()..];
    let name = name.strip_prefix(b"@").or_else(|| name.strip_prefix(b"$")).unwrap_or(name);
    let is_number = (1..=2).contains(&name.len()) && name.iter().all(u8::is_ascii_digit);
    let is_name = name.first().is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_')
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
    let is_format = format.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'{'));
    (is_format && (is_number || is_name)).then_some(inside.len() + 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn placeholders_lose_their_names() {
        for (text, expected) in [
            ("user {UserId} has no cart", "user <*> has no cart"),
            ("{@Order} took {Elapsed:0.00} ms", "<*> took <*> ms"),
            ("{$Order,-10} and {0} and {user.id}", "<*> and <*> and <*>"),
            ("{{UserId}} stays", "{{UserId}} stays"),
            ("{a}{b}", "<*><*>"),
            ("", ""),
        ] {
            assert_eq!(without_names(text), expected);
        }
    }

    #[test]
    fn other_braces_stay() {
        for text in [
            "{}",
            "{ a: 1 }",
            r#"{"a":1}"#,
            "{550e8400-e29b-41d4-a716-446655440000}",
            "{1234}",
            "{unclosed",
            "Cart { id: 7 }",
            "{a b}",
            "{{}}",
        ] {
            assert_eq!(without_names(text), text);
        }
    }

    #[test]
    fn a_template_of_masks_says_nothing() {
        for (template, expected) in
            [("<*>", false), ("<*>: <*>", false), ("", false), ("<*> failed", true), ("a > b", true)]
        {
            assert_eq!(says_something(template), expected, "{template}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "[{}a-z0-9:,@$é]{0,80}") {
            let once = without_names(&text).into_owned();
            prop_assert!(once.len() <= text.len() * 5);
        }
    }
}
