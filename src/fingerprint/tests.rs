use proptest::prelude::*;

use super::*;
use crate::model::{SeverityNumber, UnixNanos};

const SHOP: Resource<'static> = Resource { service_name: b"shop", ..NO_RESOURCE };

/// `Default::default` is no constant.
const NO_RESOURCE: Resource<'static> = Resource {
    service_name: b"",
    service_namespace: b"",
    service_version: b"",
    service_instance_id: b"",
    environment: b"",
    vcs_repository_url: b"",
    vcs_repository_name: b"",
    vcs_owner_name: b"",
    vcs_revision: b"",
    vcs_ref_name: b"",
    language: b"",
    wire: b"",
};

const PYTHON: &str = "Traceback (most recent call last):\n  File \"/app/shop/main.py\", line 8, in main\n    total(o)\n  File \"/app/shop/cart.py\", line 12, in total\n    return o['sku']\nKeyError: 'sku'\n";
const JAVA: &str = "java.lang.IllegalStateException: cart 7 is empty\n\tat java.base/java.util.Optional.get(Optional.java:143)\n\tat com.shop.Cart.lambda$total$0(Cart.java:12)\n\tat com.shop.Cart$$Lambda$14/0x0000000800c8.apply(Unknown Source)\n\tat com.shop.Main.main(Main.java:3)\n";
const NODE: &str = "TypeError: Cannot read properties of undefined (reading 'price')\n    at total (/app/src/cart.js:12:5)\n    at /app/src/main.js:3:1\n    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)\n";
const GO: &str = "panic: boom 7\n\ngoroutine 17 [running]:\nmain.(*Cart).Total(0xc000012345, 0x5)\n\t/app/shop/cart.go:12 +0x1d\nmain.main.func1()\n\t/app/shop/main.go:3 +0x25\n";
const DOTNET: &str = "System.InvalidOperationException: cart 7 is empty\n   at System.Linq.ThrowHelper.ThrowNoElementsException()\n   at Shop.Cart.<Total>b__3_0(Int32 id) in /src/Shop/Cart.cs:line 12\n   at Shop.Program.Main(String[] args) in /src/Shop/Program.cs:line 5\n";
const RUST: &str = "thread 'worker-7' panicked at src/cart.rs:12:5:\nindex 7 is out of bounds\nstack backtrace:\n   0: core::panicking::panic_fmt\n             at /rustc/59807616/library/core/src/panicking.rs:80:14\n   1: shop::cart::total::{{closure}}::h0123456789abcdef\n             at ./src/cart.rs:12:5\n   2: shop::main\n             at ./src/main.rs:3:1\n";
const ALL: [&str; 6] = [PYTHON, JAVA, NODE, GO, DOTNET, RUST];

fn with_trace<'a>(type_name: &'a str, stacktrace: &'a str) -> LogRecord<'a> {
    let exception =
        Exception { type_name: type_name.as_bytes(), message: b"", stacktrace: stacktrace.as_bytes() };
    LogRecord { exception, ..LogRecord::default() }
}

fn with_body(body: &str) -> LogRecord<'_> {
    LogRecord { body: body.as_bytes(), ..LogRecord::default() }
}

fn id_of_trace(trace: &str) -> Fingerprint {
    analyze(&with_trace("", trace), &SHOP).fingerprint
}

fn id_of_body(body: &str) -> Fingerprint {
    analyze(&with_body(body), &SHOP).fingerprint
}

#[test]
fn one_error_keeps_its_id_when_lines_values_addresses_and_roots_change() {
    for trace in ALL {
        let varied = trace
            .replace(":12", ":112")
            .replace("line 12", "line 112")
            .replace("/app/", "/usr/src/app/")
            .replace("/src/Shop", "/workspace/Shop")
            .replace("cart 7", "cart 8")
            .replace("boom 7", "boom 8")
            .replace("index 7", "index 8")
            .replace("worker-7", "worker-8")
            .replace("'sku'", "'id'")
            .replace("0xc000012345", "0xc000abcdef")
            .replace("+0x1d", "+0x2e")
            .replace("goroutine 17", "goroutine 18")
            .replace("lambda$total$0", "lambda$total$4")
            .replace("$$Lambda$14/0x0000000800c8", "$$Lambda/0x00007f12")
            .replace("b__3_0", "b__4_1")
            .replace("func1", "func2")
            .replace("h0123456789abcdef", "hfedcba9876543210");
        assert_ne!(trace, varied);
        assert_eq!(id_of_trace(trace), id_of_trace(&varied), "{trace}\n{varied}");
    }
}

#[test]
fn neighbours_have_ids_of_their_own() {
    for trace in ALL {
        let id = id_of_trace(trace);
        let other_function =
            trace.replace("total", "price").replace("Total", "Price").replace("main.js", "x.js");
        assert_ne!(id, id_of_trace(&other_function), "{trace}");
        assert_ne!(id, analyze(&with_trace("OtherError", trace), &SHOP).fingerprint, "{trace}");
        let billing = Resource { service_name: b"billing", ..SHOP };
        assert_ne!(id, analyze(&with_trace("", trace), &billing).fingerprint, "{trace}");
    }
}

#[test]
fn a_trace_names_the_error_wherever_it_stands() {
    for trace in ALL {
        let in_body = format!("Checkout failed for order 42\n{trace}");
        assert_eq!(id_of_body(&in_body), id_of_trace(trace), "{trace}");
        let both = LogRecord { body: in_body.as_bytes(), ..with_trace("", trace) };
        let analysis = analyze(&both, &SHOP);
        assert_eq!(analysis.fingerprint, id_of_trace(trace));
        assert!(analysis.message.starts_with("Checkout failed for order <*>"), "{}", analysis.message);
        assert!(analysis.has_trace);
    }
}

/// A formatter that writes the trace into the body makes no second cluster, and shows nothing twice.
#[test]
fn a_trace_that_a_formatter_repeats_makes_no_other_error() {
    let no_frames = "OutOfMemoryError: Java heap space";
    for trace in ALL.into_iter().chain([no_frames]) {
        let plain = LogRecord { body: b"Checkout failed for order 42", ..with_trace("E", trace) };
        for between in ["\n", " ", "\n\n"] {
            let body = format!("Checkout failed for order 42{between}{trace}");
            let formatted = LogRecord { body: body.as_bytes(), ..plain };
            assert_eq!(analyze(&plain, &SHOP), analyze(&formatted, &SHOP), "{body}");
        }
    }
}

/// .NET sends the template as an attribute beside the formatted body, or as the body itself.
#[test]
fn formatted_and_unformatted_messages_of_one_statement_are_one_error() {
    let template: &[u8] = b"user {UserId} of {Tenant} has no cart";
    let formatted = LogRecord { template, ..with_body("user jane of acme has no cart") };
    let renamed = LogRecord { template: b"user {Id} of {T} has no cart", ..formatted };
    let other = LogRecord { template: b"user {Id} of {T} has no name", ..formatted };
    let unformatted = LogRecord { body: template, ..LogRecord::default() };
    let analysis = analyze(&formatted, &SHOP);
    assert_eq!(analysis.message, "user <*> of <*> has no cart");
    assert_eq!(analysis, analyze(&renamed, &SHOP));
    assert_eq!(analysis, analyze(&unformatted, &SHOP));
    assert_ne!(analysis.fingerprint, analyze(&other, &SHOP).fingerprint);
}

/// A wrapper that logs everything under `{Message}` would make one error of all.
#[test]
fn a_template_without_a_word_gives_way_to_the_message() {
    for template in ["{Message}", "{0}: {1}", "<*>", "{}"] {
        let record = |body| LogRecord { template: template.as_bytes(), ..with_body(body) };
        assert_eq!(analyze(&record("no cart"), &SHOP), analyze(&with_body("no cart"), &SHOP), "{template}");
    }
}

#[test]
fn where_a_record_was_written_is_shown_and_names_nothing() {
    let at = |function: &'static str, namespace: &'static str, file: &'static str, line| {
        let code = CodeLocation {
            function: function.as_bytes(),
            namespace: namespace.as_bytes(),
            file: file.as_bytes(),
            line,
        };
        let record = LogRecord { code, ..with_body("no cart") };
        assert_eq!(analyze(&record, &SHOP), analyze(&with_body("no cart"), &SHOP));
        written_at(&code).map(|frame| (frame.function, frame.file, frame.line, frame.in_app))
    };
    let found =
        |function: &str, file: &str, line, in_app| Some((function.to_owned(), file.to_owned(), line, in_app));
    assert_eq!(at("", "", "", 7), None);
    assert_eq!(at("total", "", "/app/cart.py", 12), found("total", "/app/cart.py", Some(12), true));
    assert_eq!(
        at("total", "com.shop.Cart", "Cart.java", 0),
        found("com.shop.Cart.total", "Cart.java", None, true)
    );
    assert_eq!(at("shop.Cart.total", "shop.Cart", "", 0), found("shop.Cart.total", "", None, true));
    assert_eq!(
        at("run", "java.util.Timer", "Timer.java", 1),
        found("java.util.Timer.run", "Timer.java", Some(1), false)
    );
    assert_eq!(at("f", "", "/usr/lib/python3.13/site-packages/a.py", 1).map(|found| found.3), Some(false));
    assert_eq!(at("f", "", "a.py", u64::MAX), found("f", "a.py", None, true));
}

#[test]
fn the_message_is_of_no_matter_beside_frames() {
    let record = with_trace("KeyError", PYTHON);
    let spoken = LogRecord { body: b"no sku in order 9", ..record };
    assert_eq!(analyze(&record, &SHOP).fingerprint, analyze(&spoken, &SHOP).fingerprint);
    assert_eq!(analyze(&record, &SHOP).message, "'<*>'");
    assert_eq!(analyze(&spoken, &SHOP).message, "no sku in order <*>");
}

#[test]
fn bare_and_full_type_names_are_one() {
    let full = analyze(&with_trace("java.lang.IllegalStateException", JAVA), &SHOP);
    let bare = analyze(&with_trace("IllegalStateException", JAVA), &SHOP);
    assert_eq!(full.fingerprint, bare.fingerprint);
    assert_eq!(full.error_type, "java.lang.IllegalStateException");
}

#[test]
fn recursion_of_any_depth_is_one_error() {
    let deep = |depth| {
        let call = "  File \"/app/a.py\", line 6, in rec\n    rec(n+1)\n".repeat(depth);
        format!("Traceback (most recent call last):\n{call}RecursionError: too deep\n")
    };
    assert_eq!(id_of_trace(&deep(3)), id_of_trace(&deep(50)));
}

#[test]
fn without_frames_type_and_template_name_the_error() {
    assert_eq!(id_of_body("user 1 has no cart"), id_of_body("user 22 has no cart"));
    assert_ne!(id_of_body("user 1 has no cart"), id_of_body("user 1 has no name"));
    assert_ne!(id_of_body("upstream status 502"), id_of_body("upstream status 404"));
    let typed = |type_name: &'static [u8]| {
        let exception = Exception { type_name, message: b"sku 7", ..Exception::default() };
        analyze(&LogRecord { exception, ..LogRecord::default() }, &SHOP)
    };
    assert_ne!(typed(b"KeyError").fingerprint, typed(b"ValueError").fingerprint);
    assert_eq!((typed(b"KeyError").message.as_str(), typed(b"KeyError").has_trace), ("sku <*>", false));
}

#[test]
fn nothing_but_content_and_service_matters() {
    let record = with_body("user 1 has no cart");
    let other = LogRecord {
        time: UnixNanos(7),
        severity_number: SeverityNumber::FATAL,
        severity_text: b"FATAL",
        trace_id: Some([1; 16]),
        attribute_count: 9,
        ..record
    };
    assert_eq!(analyze(&record, &SHOP), analyze(&other, &SHOP));
    let unnamed = analyze(&record, &Resource::default());
    let named = analyze(&record, &Resource { service_name: b"unknown_service", ..SHOP });
    assert_eq!(unnamed.fingerprint, named.fingerprint);
}

/// Ids are kept in stores and branch names: this fails when a change to the algorithm forgot its version.
#[test]
fn ids_do_not_drift_from_build_to_build() {
    let ids: Vec<String> = ALL.iter().map(|trace| id_of_trace(trace).to_string()).collect();
    insta::assert_snapshot!(format!("version {ALGORITHM_VERSION}\n{}", ids.join("\n")), @r"
    version 3
    785c237588277b07cba69a2da328f844
    e9355420116f0c9a906bc1aebb4db449
    95aa69443a1100ac1b966cb04b93dbee
    3163b2ea67ae227832b94ce8decc7115
    6cb908643cfd43d10a41db7effd45a80
    8a57842809a09e6794b3900831f07d0c
    ");
}

#[test]
fn hostile_sizes_stay_bounded() {
    let line = "x".repeat(1 << 20);
    let frames = "    at total (/app/src/cart.js:12:5)\n    at main (/app/src/main.js:1:5)\n".repeat(10_000);
    let python = "  File \"/app/a.py\", line 6, in rec\n".repeat(10_000) + "KeyError: 1\n";
    let causes = "Caused by: a.B: c\n\tat a.B.c(B.java:1)\n".repeat(10_000);
    for text in [&line, &frames, &python, &causes, &"\n".repeat(1 << 20), &"\"".repeat(1 << 20)] {
        for record in [with_body(text), with_trace(text, text)] {
            let analysis = analyze(&record, &SHOP);
            assert!(analysis.frames.len() <= 64 && analysis.message.len() <= 1000);
            assert!(analysis.error_type.len() <= TYPE_BYTES_MAX);
        }
    }
    assert_eq!(analyze(&with_trace("", &python), &SHOP).error_type, "KeyError");
}

proptest! {
    #[test]
    fn any_bytes_are_analyzed(
        body in proptest::collection::vec(any::<u8>(), 0..400),
        stacktrace in "([ \\t]{0,4}(at |File \"|goroutine 1 \\[a\\]:|Caused by: |panicked at |#0 |---> )?[ -~]{0,30}(:[0-9]{1,3}|\\)|\\.rs:1:2|\\.go:1)?\n){0,12}",
        type_name in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let exception =
            Exception { type_name: &type_name, message: &body, stacktrace: stacktrace.as_bytes() };
        let record = LogRecord { body: &body, exception, ..LogRecord::default() };
        prop_assert_eq!(analyze(&record, &SHOP), analyze(&record, &SHOP));
        let _ = analyze(&with_body(&stacktrace), &SHOP);
    }

    /// Cutting a trace anywhere never panics: parsers see halves of lines.
    #[test]
    fn any_cut_of_a_trace_is_analyzed(which in 0..ALL.len(), from in 0..300usize, length in 0..600usize) {
        let bytes = ALL[which].as_bytes();
        let from = from.min(bytes.len());
        let cut = &bytes[from..(from + length).min(bytes.len())];
        let _ = analyze(&LogRecord { body: cut, ..LogRecord::default() }, &SHOP);
    }
}

/// One line of code logs every failure of a query; what failed is in the exception's own words.
#[test]
fn without_frames_an_exceptions_own_words_are_part_of_the_error() {
    let failed = |told: &'static [u8]| {
        let exception = Exception { message: told, ..Exception::default() };
        let record = LogRecord { body: b"query failed", exception, ..LogRecord::default() };
        analyze(&record, &SHOP)
    };
    let (one, same) = (failed(b"pq: deadlock detected in 7"), failed(b"pq: deadlock detected in 8"));
    assert_eq!(one.message, "query failed: pq: deadlock detected in <*>");
    assert_eq!(one.fingerprint, same.fingerprint);
    assert_ne!(one.fingerprint, failed(b"pq: duplicate key").fingerprint);
    let exception = Exception { message: b"no route", ..Exception::default() };
    let told_twice = LogRecord { body: b"dial failed: no route", exception, ..LogRecord::default() };
    assert_eq!(analyze(&told_twice, &SHOP).message, "dial failed: no route");
}
