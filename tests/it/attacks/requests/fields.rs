//! Rows 11 and 16 to 22: what stands in the frames, the messages and their fields.

use super::super::judge::Told;
use super::super::payload::{self, TRACE, error, field, fixed64, key_value, number, text};
use super::super::row::{Row, Via, row};

pub fn rows() -> Vec<Row> {
    [frames(), broken(), deep(), attributes(), values()].into_iter().flatten().collect()
}

/// gRPC's five bytes. The connection goes on: every call of a row is one stream.
fn frames() -> Vec<Row> {
    let frame = |name, change: fn(&mut Vec<u8>)| {
        let row =
            row(name, Told::BadFrame).protobuf(|service| payload::request(service.as_bytes(), &error(b"")));
        row.over(Via::Grpc).changed(move |mut call, _| {
            change(&mut call.body);
            call
        })
    };
    vec![
        frame("flagged as compressed, but not how", |body| body[0] = 1),
        frame("a compression flag of 2", |body| body[0] = 2),
        frame("a frame that is longer than its message", |body| body[4] += 1),
        frame("a frame that is shorter than its message", |body| body[4] -= 1),
        frame("two messages", |body| body.extend_from_within(..)),
        frame("half a frame's header", |body| body.truncate(3)),
        frame("no message at all", Vec::clear),
    ]
}

fn broken() -> Vec<Row> {
    let broken = |name, record: &'static [u8]| {
        row(name, Told::Malformed)
            .protobuf(move |service| payload::request(service.as_bytes(), &error(record)))
    };
    let group = |levels: usize| [[0xa3, 0x06].repeat(levels), [0xa4, 0x06].repeat(levels)].concat();
    vec![
        broken("a varint of eleven bytes", b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        broken("a varint without an end", b"\x10\xff"),
        broken("a negative length", b"\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        broken("a length past the end", b"\x1a\x7f"),
        broken("a length of 2 GiB", b"\x1a\xff\xff\xff\xff\x07"),
        broken(
            "a wire type that is not the field's",
            b"\x09\x01\x02\x03\x04\x05\x06\x07\x08\x10\x01\x2d\x01\x02\x03\x04",
        ),
        broken("field 0", b"\x00\x00"),
        broken("wire type 6", b"\x0e"),
        broken("a group in place of a known field", b"\x0b\x0c"),
        broken("a group that is not closed", b"\xa3\x06"),
        broken("the end of a group that was not opened", b"\xa4\x06"),
        broken("a group that another one closes", b"\xa3\x06\xac\x06"),
        row("groups a hundred thousand deep", Told::Malformed)
            .protobuf(move |service| payload::request(service.as_bytes(), &error(&group(100_000)))),
        row("an unknown group", Told::Taken)
            .protobuf(|service| payload::request(service.as_bytes(), &error(b"\xa3\x06\x08\x01\xa4\x06")))
            .counted(1),
        row("fields that nobody knows", Told::Taken)
            .protobuf(|service| {
                let unknown = [field(99, b"new"), number(98, u64::MAX), fixed64(13, 7)].concat();
                [payload::request(service.as_bytes(), &error(&unknown)), unknown].concat()
            })
            .counted(1),
        row("text that is no request", Told::Malformed).protobuf(|_| b"not otlp at all".to_vec()),
    ]
}

/// Values that nest deeper than they may are cut, not refused.
fn deep() -> Vec<Row> {
    let levels = [49, 200, 100_000].into_iter();
    levels
        .flat_map(|levels| {
            [
                row("a body that nests", Told::Taken)
                    .protobuf(move |service| {
                        payload::request(service.as_bytes(), &error(&field(5, &payload::nested(levels))))
                    })
                    .json(move |service| {
                        let body = payload::nested_json(levels);
                        payload::json(service, &format!(r#"{{"severityNumber":17,"body":{body}}}"#))
                    }),
                row("an attribute that nests", Told::Taken)
                    .protobuf(move |service| {
                        let attribute = key_value(b"deep", &payload::nested(levels));
                        payload::request(service.as_bytes(), &error(&field(6, &attribute)))
                    })
                    .json(move |service| {
                        let value = payload::nested_json(levels);
                        let attribute = format!(r#""attributes":[{{"key":"deep","value":{value}}}]"#);
                        payload::json(service, &payload::json_error(&attribute))
                    })
                    .counted(1),
            ]
        })
        .collect()
}

fn attributes() -> Vec<Row> {
    let with = |name, attributes: fn() -> Vec<u8>| {
        row(name, Told::Taken)
            .protobuf(move |service| payload::request(service.as_bytes(), &error(&attributes())))
            .counted(1)
    };
    vec![
        with("ten thousand attributes", || {
            (0..10_000).flat_map(|n| attribute(format!("key.{n}").as_bytes(), b"value")).collect()
        }),
        with("a key of a megabyte", || attribute(&vec![b'k'; 1 << 20], b"value")),
        with("a value of ten megabytes", || attribute(b"key", &vec![b'v'; 10 << 20])),
        with("a key that stands twice", || attribute(b"key", b"value").repeat(2)),
        with("a key that stands for an exception twice", || {
            attribute(b"exception.stacktrace", TRACE.as_bytes()).repeat(2)
        }),
        with("an attribute without a key or a value", || field(6, b"")),
        with("bytes that are no UTF-8 in a key and a value", || {
            attribute(b"k\xff\xfe", b"v\xc3\x28\xed\xa0\x80")
        }),
        row("bytes that are no UTF-8 in a body", Told::Taken)
            .protobuf(|service| {
                let record =
                    [number(2, 17), field(5, &text(b"charge \xff\xfe failed \xed\xa0\x80"))].concat();
                payload::request(service.as_bytes(), &record)
            })
            .counted(1),
        row("bytes that are no UTF-8 in a service's version", Told::Taken)
            .protobuf(|service| {
                let version = field(1, &field(1, &key_value(b"service.version", &text(b"1.\xff"))));
                let request = payload::request(service.as_bytes(), &error(b""));
                [request, field(1, &version)].concat()
            })
            .counted(1),
    ]
}

fn attribute(key: &[u8], value: &[u8]) -> Vec<u8> {
    field(6, &key_value(key, &text(value)))
}

fn values() -> Vec<Row> {
    let with = |name, more: fn() -> Vec<u8>| {
        row(name, Told::Taken).protobuf(move |service| payload::request(service.as_bytes(), &error(&more())))
    };
    let lengths = [1, 15, 17, 32, 1_000].into_iter().map(|length| {
        row("ids of a wrong length", Told::Taken)
            .protobuf(move |service| {
                let ids = [field(9, &vec![7; length]), field(10, &vec![7; length])].concat();
                payload::request(service.as_bytes(), &error(&ids))
            })
            .counted(1)
    });
    let rows = [
        with("severity number 0", || number(2, 0)),
        with("severity number 25", || number(2, 25)),
        with("severity number 999", || number(2, 999)),
        with("a negative severity number", || number(2, u64::MAX)),
        with("a severity number and a text that contradict", || field(3, b"DEBUG")).counted(1),
        with("a severity text alone", || [number(2, 0), field(3, b"ERROR")].concat()).counted(1),
        with("no time", || [fixed64(1, 0), fixed64(11, 0)].concat()).counted(1),
        with("the last time there is", || [fixed64(1, u64::MAX), fixed64(11, u64::MAX)].concat()).counted(1),
        with("a time of 1970", || [fixed64(1, 1), fixed64(11, 1)].concat()).counted(1),
        with("a time of 2554", || fixed64(1, 18_429_000_000_000_000_000)).counted(1),
        with("ids of zeros", || [field(9, &[0; 16]), field(10, &[0; 8])].concat()).counted(1),
    ];
    rows.into_iter().chain(lengths).collect()
}
