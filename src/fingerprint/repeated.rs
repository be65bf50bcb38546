//! A trace that stands twice in a record: a formatter wrote it into the body, and the SDK into `exception.stacktrace`.

/// How many lines of a body are tried as the begin of the trace. Chained tracebacks begin alike, so the first may not be it;
/// beyond a few, lines that look like it are somebody's attack on our time.
const BEGINS_MAX: usize = 8;

/// The body up to the trace, if it repeats the one beside it; else the whole body.
///
/// Lines are compared without the white space around them, since formatters indent. Either copy may have been cut short.
/// What a formatter wrote behind the trace goes with it.
#[must_use]
pub fn without_repeated_trace<'b>(body: &'b [u8], stacktrace: &[u8]) -> &'b [u8] {
    let stacktrace = stacktrace.trim_ascii();
    let title = stacktrace.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    if title.is_empty() {
        return body;
    }
    let begins = begins(body, title).take(BEGINS_MAX);
    let start = begins.into_iter().find(|start| repeats(&body[*start..], stacktrace));
    start.map_or(body, |start| body[..start].trim_ascii_end())
}

/// Where the title stands at the end of a line, behind nothing or behind white space.
fn begins(body: &[u8], title: &[u8]) -> impl Iterator<Item = usize> {
    let mut end = 0;
    body.split_inclusive(|byte| *byte == b'\n').filter_map(move |line| {
        let begin = end;
        end += line.len();
        let before = line.trim_ascii_end().strip_suffix(title)?;
        let is_apart = before.last().is_none_or(u8::is_ascii_whitespace);
        is_apart.then_some(begin + before.len())
    })
}

/// Whether a text is the trace line by line, as far as both go. A title alone is one only if the trace is no more than that.
fn repeats(text: &[u8], stacktrace: &[u8]) -> bool {
    let (mut text, mut trace) = (lines(text), lines(stacktrace));
    let mut same = 0;
    loop {
        match (text.next(), trace.next()) {
            (_, None) => return true,
            (None, Some(_)) => return same > 1,
            (Some(line), Some(expected)) if line == expected => same += 1,
            (Some(line), Some(expected)) => {
                let cut = (text.next().is_none() && expected.starts_with(line))
                    || (trace.next().is_none() && line.starts_with(expected));
                return same > 1 || (same == 1 && cut);
            }
        }
    }
}

/// The lines that are not empty, without what log4j and logback add to a frame: ` ~[spring-core-6.2.jar:6.2]`.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()).map(without_jar)
}

fn without_jar(line: &[u8]) -> &[u8] {
    let is_frame = line.starts_with(b"at ") && line.ends_with(b"]");
    let jar = line.iter().rposition(|byte| *byte == b'[').filter(|_| is_frame);
    let frame = jar.map_or(line, |jar| &line[..jar]);
    frame.strip_suffix(b"~").unwrap_or(frame).trim_ascii_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "java.lang.IllegalStateException: cart 7\n\tat com.shop.Cart.total(Cart.java:12)\n\tat com.shop.Main.main(Main.java:3)\n";

    #[track_caller]
    fn check(body: &str, stacktrace: &str, expected: &str) {
        let kept = without_repeated_trace(body.as_bytes(), stacktrace.as_bytes());
        assert_eq!(String::from_utf8_lossy(kept), expected, "of {body:.80}");
    }

    #[test]
    fn a_trace_that_stands_twice_is_cut_out() {
        check(&format!("lost\n{TRACE}"), TRACE, "lost");
        check(&format!("lost {TRACE}"), TRACE, "lost");
        check(TRACE, TRACE, "");
        check(&format!("lost\n{}", TRACE.replace('\n', "\r\n")), TRACE, "lost");
        check(&format!("lost\n{}", TRACE.replace('\n', "\n  ")), TRACE, "lost");
        // Either copy may be cut.
        check(&format!("lost\n{}", &TRACE[..70]), TRACE, "lost");
        check(&format!("lost\n{TRACE}"), &TRACE[..70], "lost");
        check(&format!("lost\n{TRACE}"), &TRACE[..100], "lost");
        // One line is a trace if there is no more of it.
        check("lost\nOutOfMemoryError: heap\n", "OutOfMemoryError: heap", "lost");
        check(&format!("lost\n{}", TRACE.replace(")\n", ") ~[shop-1.2.jar:1.2]\n")), TRACE, "lost");
        // How frames beyond those of the message are written is the formatter's matter.
        check(&format!("lost\n{TRACE}\t... 12 more"), &format!("{TRACE}\tat a.B.c(B.java:1)"), "lost");
    }

    #[test]
    fn another_text_stays() {
        check("lost", TRACE, "lost");
        check(TRACE, "", TRACE);
        check("", TRACE, "");
        let other = format!("lost\n{}", TRACE.replace("Cart", "Till"));
        check(&other, TRACE, &other);
        let title_alone = "see java.lang.IllegalStateException: cart 7\nof yesterday";
        check(title_alone, TRACE, title_alone);
        check("lost\nxBoom", "Boom", "lost\nxBoom");
    }

    #[test]
    fn lines_that_look_like_the_begin_cost_no_more_than_a_few_looks() {
        let body = "Traceback (most recent call last):\n".repeat(30_000);
        let stacktrace = format!("{body}KeyError: 1");
        let started = std::time::Instant::now();
        for _ in 0..10 {
            let _ = without_repeated_trace(body.as_bytes(), format!("{stacktrace}\nx").as_bytes());
            let _ = without_repeated_trace(format!("x{body}").as_bytes(), stacktrace.as_bytes());
        }
        assert!(started.elapsed() < std::time::Duration::from_secs(10));
    }
}
