use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (message, expected) in cases {
        assert_eq!(template(message.as_bytes()), *expected, "of {message:?}");
        assert_eq!(template(expected.as_bytes()), *expected, "read again");
    }
}

#[test]
fn what_varies_is_masked() {
    check(&[
        ("user 42 has no cart", "user <num> has no cart"),
        ("connection to 10.0.0.1:5432 refused", "connection to <ip> refused"),
        ("connect to [::1]:8080 and fe80::1:2 failed", "connect to [<ip>]:<num> and <ip> failed"),
        ("took 12.5ms, 1h2m3.5s, 3 MB, 4KiB, -7, 99.9%, 1,234.5", "took <num> MB, <num>"),
        ("request 550e8400-e29b-41d4-a716-446655440000 died", "request <uuid> died"),
        ("mail to jo.doe+x@example.co.uk bounced.", "mail to <email> bounced."),
        (
            "at 2026-11-24T03:36:44.123Z and 2026-11-24 03:36:44,123 and 24/Nov/2026:03:36:44 +0000 late",
            "at <time> and <time> and <time> late",
        ),
        ("[Sun Dec 04 04:47:44 2005] late, blk_-12 and blk_12", "[<time>] late, blk_<num> and blk_<num>"),
        ("Tue, 24 Nov 2026 03:36:44 GMT it failed", "<time> it failed"),
        ("pointer 0x7ffdeadbeef at commit a1b2c3d4e5", "pointer <hex> at commit <hex>"),
        ("pod checkout-7f9c4d5b6-x2x4z restarted", "pod checkout-<hex>-<id> restarted"),
        ("customer cus_NffrFeUfNV2Hib unknown", "customer cus_<id> unknown"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlMTIz bad", "token <id> bad"),
        ("key 'sku-1' is missing, \"b\" too", "key <str> is missing, <str> too"),
        ("cannot open /var/lib/shop/data.db: denied", "cannot open <path>: denied"),
        ("in /app/src/cart.py:12 it broke", "in <path>/cart.py:<num> it broke"),
        (r"cannot open C:\shop\data.db now", "cannot open <path> now"),
        (
            "GET https://api.example.com:443/v1/orders/123?page=2 failed",
            "GET https://<host>/v1/orders/<num>?<query> failed",
        ),
        ("GET /orders/123/items failed", "GET /orders/<num>/items failed"),
        ("postgres://jo:pw@db:5432/shop is down", "postgres://<host>/shop is down"),
        (
            "user=bob order=A-7x level=error t=12ms rhost=10.0.0.1",
            "user=<str> order=<str> level=error t=<num> rhost=<str>",
        ),
        ("worker12 lost on thread-3", "worker<num> lost on thread-<num>"),
        ("ids [1, 2, 3] and (4,5)", "ids [<num>] and (<num>)"),
    ]);
}

#[test]
fn what_distinguishes_errors_stays() {
    check(&[
        ("upstream answered status 503", "upstream answered status 503"),
        ("HTTP/1.1 404 Not Found in 12ms", "HTTP/1.1 404 Not Found in <num>"),
        ("status_code=429 retry=3", "status_code=429 retry=<num>"),
        ("Request failed with status code 500", "Request failed with status code 500"),
        ("connect ECONNREFUSED 127.0.0.1:1", "connect ECONNREFUSED <ip>"),
        ("ORA-00060: deadlock detected", "ORA-00060: deadlock detected"),
        ("ERROR: SQLSTATE 42P01", "ERROR: SQLSTATE 42P01"),
        ("[Errno 111] Connection refused", "[Errno 111] Connection refused"),
        ("software.S3Exception and Http2Exception, E0308", "software.S3Exception and Http2Exception, E0308"),
        ("error AADSTS50011 of Prisma P2002", "error AADSTS50011 of Prisma P2002"),
        ("don't panic, it's fine", "don't panic, it's fine"),
    ]);
}

#[test]
fn structured_messages_keep_their_sentences() {
    check(&[
        (
            r#"{"level":"error","msg":"card declined for 42","status":504,"user":"bob"}"#,
            r#"{"level":<str>,"msg":"card declined for <num>","status":504,"user":<str>}"#,
        ),
        (
            r#"level=error msg="failed to charge" err="dial tcp 10.0.0.1:443: i/o timeout" order="A7""#,
            r#"level=error msg="failed to charge" err="dial tcp <ip>: i/o timeout" order=<str>"#,
        ),
    ]);
}

#[test]
fn templates_are_one_clean_line() {
    check(&[("  a\t\tb\r\n c  ", "a b c"), ("\u{1b}[31mred\u{1b}[0m\u{0} text", "red text"), ("", "")]);
    assert_eq!(template(b"bad \xff byte 7"), "bad \u{fffd} byte <num>");
}

/// A long message is cut where its template ends, so that the length of a value does not move the cut.
#[test]
fn long_messages_are_cut_at_one_place() {
    let message = |user: &str| format!("user {user} {}", "was here and ".repeat(200));
    let (short, long) = (template(message("7").as_bytes()), template(message("123456789").as_bytes()));
    assert_eq!(short, long);
    assert!(short.len() <= TEMPLATE_BYTES_MAX && short.len() > TEMPLATE_BYTES_MAX - 20);
    for byte in [b'a', b'1', b'"', b'/', b'<', b' ', b'-', b'\\', b'=', b':', 0xff] {
        assert!(template(&vec![byte; 1 << 20]).len() <= TEMPLATE_BYTES_MAX);
    }
}

proptest! {
    #[test]
    fn any_bytes_make_a_bounded_template(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let made = template(&bytes);
        prop_assert!(made.len() <= TEMPLATE_BYTES_MAX);
        prop_assert!(!made.contains(char::is_control));
    }

    #[test]
    fn any_text_makes_a_template(text in "[ -~é]{0,300}") {
        let _ = template(text.as_bytes());
    }

    #[test]
    fn a_template_of_words_and_values_is_its_own_template(
        parts in proptest::collection::vec("[a-z]{1,9}|[0-9]{1,9}|[0-9a-f]{8,40}|10\\.0\\.0\\.[0-9]|[A-Za-z0-9]{8,20}|/[a-z]{1,5}/[a-z0-9]{1,5}|[a-z]{2,5}=[a-z0-9]{1,6}|'[a-z0-9 ]{1,9}'|GET|status|,", 0..20),
    ) {
        let once = template(parts.join(" ").as_bytes());
        prop_assert_eq!(template(once.as_bytes()), once);
    }
}
