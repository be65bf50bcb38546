//! Rows 21 to 23: what JSON can say that protobuf cannot.

use super::super::judge::Told;
use super::super::payload::{json, json_error};
use super::super::row::{Row, row};

pub fn rows() -> Vec<Row> {
    let whole = |name, told, text: &'static [u8]| row(name, told).json(move |_| text.to_vec());
    let refused = [
        whole("a list in place of a request", Told::Malformed, b"[]"),
        whole("null in place of a request", Told::Malformed, b"null"),
        whole("text behind the request", Told::Malformed, b"{}{}"),
        whole("a request that breaks off", Told::Malformed, b"{\"resourceLogs\":[{"),
        whole("a byte order mark", Told::Malformed, b"\xef\xbb\xbf{}"),
        whole("protobuf that is said to be JSON", Told::Malformed, b"\x0a\x02\x0a\x00"),
        whole("spaces alone", Told::Malformed, b"   "),
        more("half a surrogate pair", Told::Malformed, r#""severityText":"\ud800""#),
        more("a time below zero", Told::Malformed, r#""timeUnixNano":-1"#),
        more("half a nanosecond", Told::Malformed, r#""timeUnixNano":1.5"#),
        more("a time past 64 bits", Told::Malformed, r#""timeUnixNano":"18446744073709551616""#),
        more("a trace id that is not hexadecimal", Told::Malformed, r#""traceId":"zz""#),
        more("a list in place of a text", Told::Malformed, r#""severityText":["ERROR"]"#),
    ];
    let taken = [
        more(
            "nulls",
            Told::Taken,
            r#""attributes":null,"traceId":null,"timeUnixNano":null,"severityText":null"#,
        ),
        more("an enum by its name", Told::Taken, r#""severityNumber":"SEVERITY_NUMBER_ERROR""#),
        more("a number that is none", Told::Taken, &attribute(r#"{"doubleValue":"NaN"}"#)),
        more("an empty array", Told::Taken, &attribute(r#"{"arrayValue":{}}"#)),
        more("base64 without padding", Told::Taken, &attribute(r#"{"bytesValue":"YQ"}"#)),
        more("64 bits in quotes", Told::Taken, &attribute(r#"{"intValue":"-9223372036854775808"}"#)),
        more("a trace id of one byte", Told::Taken, r#""traceId":"7f""#),
        more("a trace id of 17 bytes", Told::Taken, r#""traceId":"0102030405060708090a0b0c0d0e0f1011""#),
        more("a key that stands twice", Told::Taken, r#""severityNumber":17,"severityNumber":18"#),
        more("a time in quotes", Told::Taken, r#""timeUnixNano":"1544712660000000000""#),
        more("a time as a fraction that is whole", Told::Taken, r#""timeUnixNano":1.5e18"#),
        more("keys that nobody knows", Told::Taken, r#""x":[{"y":[null,true,-1e9,{"z":"\n"}]}],"":{}"#),
        row("snake_case", Told::Taken).counted(1).json(|service| {
            String::from_utf8(json(service, &json_error(r#""severityText":"ERROR""#)))
                .unwrap()
                .replace("resourceLogs", "resource_logs")
                .replace("scopeLogs", "scope_logs")
                .replace("logRecords", "log_records")
                .replace("severityNumber", "severity_number")
                .replace("stringValue", "string_value")
                .into()
        }),
        row("bytes that are no UTF-8", Told::Taken).counted(1).json(|service| {
            let mut request = json(service, &json_error(r#""severityText":"E@""#));
            let at = request.iter().position(|byte| *byte == b'@').unwrap();
            request[at] = 0xff;
            request
        }),
    ];
    refused.into_iter().chain(taken).collect()
}

/// A record of ERROR with more members.
fn more(name: &'static str, told: Told, members: &str) -> Row {
    let record = json_error(members);
    row(name, told).json(move |service| json(service, &record)).counted((told == Told::Taken).into())
}

fn attribute(value: &str) -> String {
    format!(r#""attributes":[{{"key":"k","value":{value}}}]"#)
}
