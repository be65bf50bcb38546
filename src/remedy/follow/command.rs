//! Orders that people give in a comment.

/// An order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    /// The change is to be made anew, on the base as it is now.
    Retry,
    /// The error is to be left alone.
    Ignore,
}

/// The order in a comment: a line of its own, `/logmend WORD`. What is quoted is no order.
pub(super) fn read(body: &str) -> Option<Command> {
    body.lines().find_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
        ["/logmend", "retry"] => Some(Command::Retry),
        ["/logmend", "ignore"] => Some(Command::Ignore),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_a_line_of_its_own() {
        for (body, expected) in [
            ("/logmend retry", Some(Command::Retry)),
            ("Once more, please.\r\n\r\n  /logmend   retry \r\n", Some(Command::Retry)),
            ("/logmend ignore\n/logmend retry", Some(Command::Ignore)),
            ("> /logmend retry", None),
            ("`/logmend retry`", None),
            ("please /logmend retry", None),
            ("/logmend retry now", None),
            ("/logmend", None),
            ("/logmend merge", None),
            ("", None),
        ] {
            assert_eq!(read(body), expected, "{body}");
        }
    }
}
