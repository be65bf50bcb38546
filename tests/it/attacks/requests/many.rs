//! Rows 2, 3, 10, 30 and 31: requests that hold, or make, more than their bytes suggest.

use super::super::judge::Told;
use super::super::payload::{self, Packing, field};
use super::super::row::{Row, row};

const MIB: usize = 1 << 20;

/// As long as a request may be.
const FULL: usize = 16 * MIB - 1_024;

/// Its bytes, and in JSON what becomes of them beside.
const FULL_MIB: u64 = 40;

pub fn rows() -> Vec<Row> {
    let empty = |element: &'static [u8]| move |_: &str| element.repeat(FULL / element.len());
    vec![
        row("eight million empty records", Told::TooLarge)
            .protobuf(|service| payload::envelope(service.as_bytes(), &b"\x12\x00".repeat(FULL / 2)))
            .json(|service| payload::json(service, &list("{}")))
            .packed(Packing::Gzip)
            .grows(FULL_MIB),
        row("eight million empty records, as they are", Told::TooLarge)
            .protobuf(|service| payload::envelope(service.as_bytes(), &b"\x12\x00".repeat(FULL / 2)))
            .json(|service| payload::json(service, &list("{}")))
            .grows(FULL_MIB),
        row("eight million empty attributes", Told::TooLarge)
            .protobuf(|service| payload::request(service.as_bytes(), &b"\x32\x00".repeat(FULL / 2)))
            .json(|service| payload::json(service, &format!(r#"{{"attributes":[{}]}}"#, list("{}"))))
            .packed(Packing::Gzip)
            .grows(FULL_MIB),
        row("eight million empty array elements", Told::TooLarge)
            .protobuf(|service| {
                let array = field(5, &b"\x0a\x00".repeat(FULL / 2));
                payload::request(service.as_bytes(), &field(5, &array))
            })
            .json(|service| {
                let array = format!(r#"{{"arrayValue":{{"values":[{}]}}}}"#, list("{}"));
                payload::json(service, &format!(r#"{{"body":{array}}}"#))
            })
            .packed(Packing::Gzip)
            .grows(FULL_MIB),
        row("eight million empty resources", Told::TooLarge)
            .protobuf(empty(b"\x0a\x00"))
            .json(|_| format!(r#"{{"resourceLogs":[{}]}}"#, list("{}")).into())
            .packed(Packing::Gzip)
            .grows(FULL_MIB),
        row("a request of exactly the limit", Told::Taken)
            .protobuf(|service| of_length(service, 16 * MIB))
            .counted(1)
            .grows(FULL_MIB),
        row("a request of one byte more than the limit", Told::TooLarge)
            .protobuf(|service| of_length(service, 16 * MIB + 1)),
        row("a thousand distinct errors", Told::Taken)
            .protobuf(|service| payload::envelope(service.as_bytes(), &distinct_errors(1_000)))
            .counted(1_000),
        row("a line of a megabyte", Told::Taken).protobuf(said(|| "a ".repeat(MIB / 2))).counted(1),
        row("one word of a megabyte", Told::Taken).protobuf(said(|| "a".repeat(MIB))).counted(1),
        row("a hundred thousand digits", Told::Taken).protobuf(said(|| "7".repeat(100_000))).counted(1),
        row("a megabyte of brackets", Told::Taken).protobuf(said(|| "([{<".repeat(MIB / 4))).counted(1),
        row("a megabyte of half an address", Told::Taken).protobuf(said(|| "a@".repeat(MIB / 2))).counted(1),
        row("a trace of ten thousand frames", Told::Taken)
            .protobuf(|service| {
                let frame = "  File \"/app/shop/deep.py\", line 7, in f\n    f()\n";
                let trace = format!("Traceback (most recent call last):\n{}E: x\n", frame.repeat(10_000));
                let attribute = payload::key_value(b"exception.stacktrace", &payload::text(trace.as_bytes()));
                payload::request(service.as_bytes(), &payload::error(&field(6, &attribute)))
            })
            .counted(1),
    ]
}

/// Five million elements of a JSON list.
fn list(element: &str) -> String {
    let mut list = format!("{element},").repeat((FULL - 400) / (element.len() + 1));
    list.pop();
    list
}

/// A request with one record of ERROR that is so many bytes long in all.
fn of_length(service: &str, length: usize) -> Vec<u8> {
    let with = |filler| {
        let attribute = payload::key_value(b"filler", &payload::text(&vec![b'x'; filler]));
        payload::request(service.as_bytes(), &payload::error(&field(6, &attribute)))
    };
    let around = with(length - 1_024).len() - (length - 1_024);
    with(length - around)
}

/// A record of ERROR that says this.
fn said(body: fn() -> String) -> impl Fn(&str) -> Vec<u8> {
    move |service| {
        let record = [payload::number(2, 17), field(5, &payload::text(body().as_bytes()))].concat();
        payload::request(service.as_bytes(), &record)
    }
}

/// Records of ERROR that no mask makes equal: each has a word of its own.
fn distinct_errors(count: u32) -> Vec<u8> {
    let letter = |n: u32| char::from(b'a' + u8::try_from(n % 26).unwrap());
    let word = |n: u32| [17_576, 676, 26, 1].map(|place| letter(n / place)).iter().collect::<String>();
    let record = |n: u32| {
        let body = format!("the {}{} engine failed", word(n), word(n * 31));
        field(2, &[payload::number(2, 17), field(5, &payload::text(body.as_bytes()))].concat())
    };
    (0..count).flat_map(record).collect()
}
