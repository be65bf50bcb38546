//! Text lines: which of them are one record.

use super::super::lines::level;
use crate::model::SeverityNumber;

/// A record's text at most; a longer stack trace goes on as a record of its own.
const RECORD_BYTES_MAX: usize = super::TEXT_BYTES_MAX;

/// What kind of stack trace the last lines were of: in these some lines do not begin with white space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Trace {
    #[default]
    None,
    /// Behind `Traceback`: the first line without white space is the exception, and ends it.
    Python,
    /// Behind a Python traceback: another one may follow that this one caused.
    PythonEnded,
    /// Behind `goroutine`: calls do not begin with white space.
    Go,
}

/// Joins the lines of a stack trace to the line that they belong to.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    text: String,
    /// Empty lines since, which count only where the record goes on.
    empty_lines: usize,
    trace: Trace,
}

impl Joiner {
    /// Takes a line; gives back the record before it, where the line begins a new one.
    pub(super) fn push(&mut self, line: &[u8]) -> Option<String> {
        let line = String::from_utf8_lossy(line);
        if line.trim().is_empty() {
            self.empty_lines += 1;
            if self.trace == Trace::Go {
                self.trace = Trace::None;
            }
            return None;
        }
        let (goes_on, trace) = self.belongs(&line);
        self.trace = trace;
        if goes_on && self.text.len() + line.len() < RECORD_BYTES_MAX {
            for _ in 0..=self.empty_lines.min(1) {
                self.text.push('\n');
            }
            self.text.push_str(&line);
            self.empty_lines = 0;
            return None;
        }
        let former = self.finish();
        self.trace = trace;
        self.text.push_str(&line);
        former
    }

    /// Gives back the last record.
    pub(super) fn finish(&mut self) -> Option<String> {
        (self.empty_lines, self.trace) = (0, Trace::None);
        Some(std::mem::take(&mut self.text)).filter(|text| !text.is_empty())
    }

    /// Whether a line belongs to the record before it, and what trace it is in.
    fn belongs(&self, line: &str) -> (bool, Trace) {
        if self.text.is_empty() {
            return (false, if line.starts_with("Traceback (") { Trace::Python } else { Trace::None });
        }
        if line.starts_with([' ', '\t']) || begins(line, &["Caused by", "at ", "... "]) {
            return (true, self.trace);
        }
        if line.starts_with("Traceback (") {
            // One that stands alone is not of the healthy line that happens to be before it.
            let is_told_of = self.trace == Trace::PythonEnded || level(&self.text).0 >= SeverityNumber::ERROR;
            return (is_told_of, Trace::Python);
        }
        match self.trace {
            Trace::Python => (true, Trace::PythonEnded),
            Trace::PythonEnded
                if begins(line, &["During handling of the above", "The above exception was"]) =>
            {
                (true, Trace::PythonEnded)
            }
            // A call, `main.main()`, whose place follows on a line that begins with a tab.
            Trace::Go if line.contains('(') || line.starts_with("created by ") => (true, Trace::Go),
            _ if line.starts_with("goroutine ") && line.ends_with("]:") => (true, Trace::Go),
            _ => (false, Trace::None),
        }
    }
}

fn begins(line: &str, starts: &[&str]) -> bool {
    starts.iter().any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn join(text: &str) -> Vec<String> {
        let mut joiner = Joiner::default();
        let mut records: Vec<_> = text.lines().filter_map(|line| joiner.push(line.as_bytes())).collect();
        records.extend(joiner.finish());
        records
    }

    /// Records are parted by a line `==`.
    fn check(expected: &str) {
        let expected: Vec<_> =
            expected.split("==\n").map(|record| record.trim_end_matches('\n').to_owned()).collect();
        assert_eq!(join(&expected.join("\n")), expected);
    }

    #[test]
    fn lines_are_records_of_their_own() {
        check("one\n==\ntwo\n==\nthree");
        assert_eq!(join("\n\none\n\n\ntwo\n\n"), ["one", "two"]);
        assert_eq!(join(""), [""; 0]);
    }

    #[test]
    fn jvm_and_javascript_traces_stay_with_their_line() {
        check(
            "INFO ok\n==\nERROR refund failed: java.lang.IllegalStateException: no\n\tat shop.Refund.pay(Refund.java:12)\n\
             Caused by: java.io.IOException: reset\n\tat shop.Net.read(Net.java:3)\n\t... 23 more\n==\nINFO on",
        );
        check("TypeError: x is undefined\n    at pay (/app/pay.js:3:7)\nat native\n==\nnext");
    }

    #[test]
    fn python_traces_stay_with_the_line_that_tells_of_them() {
        let trace =
            "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\nValueError: bad";
        check(&format!("ERROR:root:failed\n{trace}\n==\nINFO next"));
        check(&format!("INFO healthy\n==\n{trace}\n==\nINFO next"));
        check(&format!(
            "{trace}\n\nDuring handling of the above exception, another exception occurred:\n\n{trace}\n==\nINFO next"
        ));
    }

    #[test]
    fn go_panics_stay_together() {
        check(
            "panic: runtime error: index out of range\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:12 +0x1d\n\
             \ngoroutine 7 [select]:\nmain.wait()\n==\nexit status 2",
        );
    }

    #[test]
    fn a_trace_without_end_is_cut_into_records() {
        let long = format!("ERROR deep\n{}", "  at f\n".repeat(RECORD_BYTES_MAX / 4));
        let records = join(&long);
        assert!(records.len() > 1 && records.iter().all(|record| record.len() <= RECORD_BYTES_MAX));
    }

    proptest! {
        /// No line is lost, whatever it holds.
        #[test]
        fn any_text_is_kept(lines in proptest::collection::vec("(Traceback \\(|goroutine 1 \\[x\\]:|Caused by| )?\\PC{0,20}", 0..20)) {
            let records = join(&lines.join("\n")).join("\n");
            let kept: Vec<_> = records.lines().filter(|line| !line.trim().is_empty()).collect();
            let joined = lines.join("\n");
            let given: Vec<_> = joined.lines().filter(|line| !line.trim().is_empty()).collect();
            prop_assert_eq!(kept, given);
        }
    }
}
