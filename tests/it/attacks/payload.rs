//! Requests in bytes: well-formed frames around whatever a row puts into them.

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use prost::encoding::encode_varint;

/// A traceback that folds all records that carry it into one error.
pub const TRACE: &str = "Traceback (most recent call last):\n  File \"/app/shop/cart.py\", line 41, in total\n    raise ValueError(bad)\nValueError: bad total\n";

/// A field that holds bytes.
pub fn field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(content.len() + 8);
    encode_varint(u64::from(number << 3 | 2), &mut bytes);
    encode_varint(content.len() as u64, &mut bytes);
    bytes.extend(content);
    bytes
}

/// A field that holds a varint.
pub fn number(number: u32, value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_varint(u64::from(number << 3), &mut bytes);
    encode_varint(value, &mut bytes);
    bytes
}

/// A field that holds eight bytes.
pub fn fixed64(field: u8, value: u64) -> Vec<u8> {
    [vec![field << 3 | 1], value.to_le_bytes().to_vec()].concat()
}

/// An `AnyValue` that is a text.
pub fn text(text: &[u8]) -> Vec<u8> {
    field(1, text)
}

/// A `KeyValue` whose value is an `AnyValue`'s bytes.
pub fn key_value(key: &[u8], value: &[u8]) -> Vec<u8> {
    [field(1, key), field(2, value)].concat()
}

/// A log record of ERROR, as bytes, with more fields behind.
pub fn error(more: &[u8]) -> Vec<u8> {
    [number(2, 17), field(5, &text(b"charge failed: ValueError: bad total")), more.to_vec()].concat()
}

/// A request with one record of a service.
pub fn request(service: &[u8], record: &[u8]) -> Vec<u8> {
    envelope(service, &field(2, record))
}

/// A request with the fields of one `ScopeLogs`.
pub fn envelope(service: &[u8], scope_logs: &[u8]) -> Vec<u8> {
    let resource = field(1, &key_value(b"service.name", &text(service)));
    field(1, &[field(1, &resource), field(2, scope_logs)].concat())
}

/// A request in JSON with the records of a service.
pub fn json(service: &str, records: &str) -> Vec<u8> {
    let resource =
        format!(r#"{{"attributes":[{{"key":"service.name","value":{{"stringValue":"{service}"}}}}]}}"#);
    format!(r#"{{"resourceLogs":[{{"resource":{resource},"scopeLogs":[{{"logRecords":[{records}]}}]}}]}}"#)
        .into()
}

/// A record of ERROR in JSON, with more members behind.
pub fn json_error(more: &str) -> String {
    let body = r#"{"stringValue":"charge failed: ValueError: bad total"}"#;
    format!(r#"{{"severityNumber":17,"body":{body}{}{more}}}"#, if more.is_empty() { "" } else { "," })
}

/// `AnyValue`s that nest `levels` deep, each an array of one.
pub fn nested(levels: usize) -> Vec<u8> {
    let mut heads = Vec::new();
    let mut length = text(b"x").len();
    for _ in 0..levels {
        for number in [1_u32, 5] {
            let mut head = vec![u8::try_from(number << 3 | 2).unwrap()];
            encode_varint(length as u64, &mut head);
            length += head.len();
            heads.push(head);
        }
    }
    heads.reverse();
    [heads.concat(), text(b"x")].concat()
}

/// The same in JSON.
pub fn nested_json(levels: usize) -> String {
    let (open, close) = (r#"{"arrayValue":{"values":["#, "]}}");
    format!(r#"{}{{"stringValue":"x"}}{}"#, open.repeat(levels), close.repeat(levels))
}

/// A gRPC frame around a message.
pub fn grpc_frame(flag: u8, message: &[u8]) -> Vec<u8> {
    let mut frame = vec![flag];
    frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend(message);
    frame
}

/// How a row's request is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    Gzip,
    Deflate,
    Zstd,
}

impl Packing {
    pub const ALL: [Self; 3] = [Self::Gzip, Self::Deflate, Self::Zstd];

    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Zstd => "zstd",
        }
    }

    pub fn pack(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(bytes).unwrap();
                encoder.finish().unwrap()
            }
            Self::Zstd => zstd::encode_all(bytes, 1).unwrap(),
        }
    }
}
