use proptest::prelude::*;

use super::*;

/// The groups of a log, as their lines.
fn groups(log: &str) -> Vec<String> {
    let mut groups = Vec::new();
    let mut joiner = Joiner::default();
    let mut out = |group: Group<'_, Numbered<'_>>| {
        let text = group.joined.unwrap_or(group.first.line);
        let mark = if group.is_fragment { "?" } else { "" };
        groups.push(format!("{mark}{}", String::from_utf8_lossy(text)));
    };
    for (number, line) in log.split('\n').enumerate() {
        joiner.push(Numbered { number: number as u64, line: line.as_bytes() }, &mut out);
    }
    joiner.finish(&mut out);
    groups
}

/// Each trace comes between two ordinary lines, as it is and without the white space before its lines, and is one group.
#[track_caller]
fn check(trace: &str) {
    let trimmed = trace.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    for trace in [trace, &trimmed] {
        let found = groups(&format!(
            "GET /cart 200\n2026-11-16 all is well\n{trace}\n2026-11-16 all is well\nPOST /cart 201"
        ));
        let expected =
            ["GET /cart 200", "2026-11-16 all is well", trace, "2026-11-16 all is well", "POST /cart 201"];
        let with_head =
            ["GET /cart 200", &format!("2026-11-16 all is well\n{trace}"), expected[3], expected[4]];
        assert!(found == expected || found == with_head, "{found:#?}");
    }
}

#[test]
fn traces_of_all_languages_are_one_group() {
    check(
        "Traceback (most recent call last):\n  File \"/app/a.py\", line 2, in f\n    return d['x']\n           ~^^^^^\nKeyError: 'x'\n\nThe above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\n  File \"/app/a.py\", line 5, in g\n    raise shop.Empty from e\nshop.Empty",
    );
    check(
        "java.lang.IllegalStateException: cart 7\n\tat com.shop.Cart.total(Cart.java:12)\n\tat java.base/java.lang.Thread.run(Thread.java:840)\nCaused by: java.lang.NullPointerException\n\tat com.shop.Cart.price(Cart.java:4)\n\t... 2 more",
    );
    check("TypeError: x is undefined\n    at total (/app/src/cart.js:12:5)\n    at async main (file:///app/main.mjs:3:1) {\n  code: 'E_X',\n  [cause]: Error: y\n      at /app/a.js:1:50\n}".replace("  code: 'E_X',\n", "").as_str());
    check(
        "panic: runtime error: index out of range [5] with length 3\n\ngoroutine 7 [running]:\nmain.(*Cart).Total(0xc000012345, 0x5)\n\t/app/cart.go:12 +0x1d\nmain.main()\n\t/app/main.go:3 +0x2\ncreated by main.start in goroutine 1\n\t/app/main.go:18 +0x294\n\ngoroutine 2 [select]:\nmain.wait(...)\n\t/app/wait.go:3\nexit status 2",
    );
    check(
        "Unhandled exception. System.InvalidOperationException: a\n ---> System.ArgumentException: b\n   at Shop.Cart.Price(Int32 id) in /src/Cart.cs:line 12\n   --- End of inner exception stack trace ---\n   at Shop.Cart.Total(Int32 id) in /src/Cart.cs:line 20",
    );
    check(
        "thread 'main' (48211) panicked at src/cart.rs:12:5:\nindex out of bounds: the len is 1 but the index is 4\nstack backtrace:\n   0: core::panicking::panic_fmt\n             at /rustc/abc/library/core/src/panicking.rs:80:14\n   1: shop::cart::total\n             at ./src/cart.rs:12:5\nnote: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.",
    );
    check(
        "/app/cart.rb:12:in 'Cart#total': key not found: :sku (KeyError)\n\tfrom /app/main.rb:1:in '<main>'",
    );
    check(
        "PHP Fatal error:  Uncaught TypeError: bad cart in /app/src/Cart.php:12\nStack trace:\n#0 /app/src/Shop.php(3): App\\Cart->total()\n#1 {main}\n  thrown in /app/src/Cart.php on line 12",
    );
    check(
        "** (KeyError) key :sku not found in: %{}\n    (shop 0.1.0) lib/shop/cart.ex:12: Shop.Cart.total/1\n    (elixir 1.15.4) lib/enum.ex:1693: Enum.map/2",
    );
    check(
        "==9749==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x602000000024\nREAD of size 4 at 0x602000000024 thread T0\n    #0 0x560593741224 in total /src/cart.c:4\n    #1 0x560593741396 in main /src/cart.c:6\n\n0x602000000024 is located 8 bytes to the right\nallocated by thread T0 here:\n    #0 0x5605937412a7 in checkout /src/cart.c:5\nSUMMARY: AddressSanitizer: heap-buffer-overflow /src/cart.c:4 in total",
    );
}

/// Of which the white space before the lines says something.
#[test]
fn traces_that_only_their_indentation_tells_are_one_group() {
    let aggregate = "[AggregateError: All promises were rejected] {\n  [errors]: [\n    Error: a\n        at f (/app/a.js:3:91)\n        at async Promise.any (index 0) {\n      code: 'E_X'\n    },\n    Error: b\n        at f (/app/a.js:3:91)\n  ]\n}";
    let plain = "TypeError: x is undefined\n    at total (/app/src/cart.js:12:5)";
    assert_eq!(groups(&format!("{plain}\n{aggregate}\nall is well")), [plain, aggregate, "all is well"]);
}

/// What a runtime or a library prints behind a line of its own.
#[test]
fn dumps_behind_a_message_are_one_group() {
    for trace in [
        "recovered: boom\ngoroutine 1 [running]:\nruntime/debug.Stack()\n\t/usr/local/go/src/runtime/debug/stack.go:26 +0x5e\npanic({0x4bfe80?, 0x217cc0322018?})\n\t/usr/local/go/src/runtime/panic.go:860 +0x13a\nmain.f(0x1, {0x2, 0x3})\n\t/app/f.go:3 +0x2",
        "WARNING: ThreadSanitizer: data race (pid=9849)\n  Read of size 4 at 0x560470c0e054 by thread T2:\n    #0 inc /src/t.c:2 (t+0x11d0)\n\n  Previous write of size 4 at 0x560470c0e054 by thread T1:\n    #0 inc /src/t.c:2 (t+0x11e8)\n\nSUMMARY: ThreadSanitizer: data race /src/t.c:2 in inc",
        "u.c:5:26: runtime error: division by zero\n    #0 0x55bef2e361aa in add /src/u.c:5\n    #1 0x55bef2e361f5 in main /src/u.c:7",
    ] {
        assert_eq!(
            groups(&format!("all is well\n{trace}\nall is well")),
            ["all is well", trace, "all is well"]
        );
    }
}

#[test]
fn what_a_logger_wrote_before_a_trace_belongs_to_it() {
    let trace = "2026-11-16 10:30:00 ERROR checkout failed\njava.lang.IllegalStateException: cart 7\n\tat com.shop.Cart.total(Cart.java:12)";
    assert_eq!(groups(trace), [trace]);
    let python = "ERROR:root:checkout failed\nTraceback (most recent call last):\n  File \"/app/a.py\", line 2, in f\n    x()\nKeyError: 'x'";
    assert_eq!(groups(python), [python]);
}

/// What nobody caught is printed behind whatever was logged last.
#[test]
fn an_ordinary_line_before_a_trace_is_no_part_of_it() {
    for trace in [
        "java.lang.IllegalStateException: cart 7\n\tat com.shop.Cart.total(Cart.java:12)",
        "Traceback (most recent call last):\n  File \"/app/a.py\", line 2, in f\n    x()\nKeyError: 'x'",
        "panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:3 +0x2",
    ] {
        assert_eq!(groups(&format!("GET /cart 200\n{trace}")), ["GET /cart 200", trace]);
    }
}

#[test]
fn lines_that_only_look_so_stay_apart() {
    for log in [
        "a\nb\nc",
        "checkout failed\nIllegalStateException: a\nanother line",
        "Error: a\nError: b\nError: c",
        "at home\nat 10:30 the server (main) was up\nfrom here on",
        "# a comment\n#1 priority\n... and so on",
        "Traceback (most recent call last):\n2026-11-16 all is well",
        "a\n\nb",
        "{\"a\":1}\n{\"b\":2}",
    ] {
        assert_eq!(groups(log), log.split('\n').collect::<Vec<_>>());
    }
}

#[test]
fn two_traces_in_a_row_are_two() {
    let java = "java.lang.IllegalStateException: cart 7\n\tat com.shop.Cart.total(Cart.java:12)";
    assert_eq!(groups(&format!("{java}\n{java}\n{java}")), [java; 3]);
    let python =
        "Traceback (most recent call last):\n  File \"/app/a.py\", line 2, in f\n    x()\nKeyError: 'x'";
    assert_eq!(groups(&format!("{python}\n{python}")), [python; 2]);
    let rust = "thread 'main' panicked at src/cart.rs:12:5:\nboom";
    assert_eq!(groups(&format!("{rust}\n{rust}")), [rust; 2]);
}

#[test]
fn the_middle_of_a_trace_is_a_fragment() {
    let frames = "\tat com.shop.Cart.total(Cart.java:12)\n\tat com.shop.Main.main(Main.java:3)";
    assert_eq!(groups(&format!("{frames}\nstopped")), [&format!("?{frames}"), "stopped"]);
}

#[test]
fn the_text_of_a_trace_is_bounded_and_its_lines_are_counted() {
    let mut joiner = Joiner::default();
    let mut found = Vec::new();
    let frame = format!("\tat com.shop.Cart.{}(Cart.java:12)", "x".repeat(900));
    let mut out =
        |group: Group<'_, Numbered<'_>>| found.push((group.lines, group.joined.map_or(0, <[u8]>::len)));
    joiner.push(Numbered { number: 0, line: b"java.lang.Error: a" }, &mut out);
    for number in 1..10_000 {
        joiner.push(Numbered { number, line: frame.as_bytes() }, &mut out);
    }
    joiner.finish(&mut out);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, 10_000);
    assert!(found[0].1 <= TEXT_BYTES_MAX && found[0].1 > TEXT_BYTES_MAX / 2);
}

/// Lines of which traces are made, and others.
fn line() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "all is well",
        "ERROR checkout failed",
        "",
        "java.lang.IllegalStateException: cart 7",
        "\tat com.shop.Cart.total(Cart.java:12)",
        "Caused by: java.lang.NullPointerException",
        "\t... 2 more",
        "Traceback (most recent call last):",
        "  File \"/app/a.py\", line 2, in f",
        "    return d['x']",
        "KeyError: 'x'",
        "During handling of the above exception, another exception occurred:",
        "panic: boom",
        "goroutine 1 [running]:",
        "main.main()",
        "\t/app/main.go:3 +0x2",
        "thread 'main' panicked at src/a.rs:1:2:",
        "stack backtrace:",
        "   1: shop::main",
        "Error: a",
        "    at total (/app/a.js:1:2)",
        "}",
    ])
}

proptest! {
    /// No line is lost, none is told twice, and none changes its place.
    #[test]
    fn groups_are_the_lines_in_order(lines in proptest::collection::vec(line(), 1..40)) {
        let log = lines.join("\n");
        let groups = groups(&log);
        let told: Vec<_> = groups.iter().map(|group| group.strip_prefix('?').unwrap_or(group)).collect();
        prop_assert_eq!(told.join("\n"), log);
    }

    /// Wherever a stream is cut, what is open goes on as if it had not been.
    #[test]
    fn a_stream_that_is_cut_goes_on(lines in proptest::collection::vec(line(), 2..20), cut in 1usize..20) {
        let cut = cut.min(lines.len() - 1);
        let numbered = |number: usize| Numbered { number: number as u64, line: lines[number].as_bytes() };
        let run = |cut: Option<usize>| {
            let (mut joiner, mut found) = (Joiner::default(), Vec::new());
            for number in 0..lines.len() {
                if cut == Some(number) {
                    // As the pipeline does it: the open group and the waiting lines are handed out, and come back.
                    let open = joiner.open().unwrap();
                    let mut pieces = Vec::new();
                    joiner.finish(&mut |group| pieces.push((group.first, group.lines)));
                    let first = pieces[0].0;
                    let waiting = pieces[1..].iter().map(|(line, _)| *line).collect();
                    joiner = Joiner::resume(&open, first, waiting);
                }
                joiner.push(numbered(number), &mut |group| found.push(group.first.number));
            }
            joiner.finish(&mut |group| found.push(group.first.number));
            found
        };
        prop_assert_eq!(run(Some(cut)), run(None));
    }

    #[test]
    fn any_lines_are_joined(lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..20)) {
        let mut joiner = Joiner::default();
        let mut told = 0;
        for (number, line) in lines.iter().enumerate() {
            joiner.push(Numbered { number: number as u64, line }, &mut |group| told += group.lines);
        }
        joiner.finish(&mut |group| told += group.lines);
        prop_assert_eq!(told, lines.len() as u64);
    }
}
