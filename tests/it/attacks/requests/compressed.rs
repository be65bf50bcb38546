//! Rows 1 and 4 to 6 of the attack list: bombs, encodings upon encodings, unknown ones, and broken streams.

use std::io::Write;

use super::super::judge::Told;
use super::super::payload::{self, Packing};
use super::super::row::{Row, Via, row};
use crate::support::wire::Call;

const MIB: usize = 1 << 20;

pub fn rows() -> Vec<Row> {
    let bombs = Packing::ALL.into_iter().map(|packing| {
        let zeros = |_: &str| vec![0; 64 * MIB];
        // The limit of a request, and some.
        row("a bomb over the limit", Told::TooLarge).protobuf(zeros).json(zeros).packed(packing).grows(24)
    });
    let broken = [
        broken("a truncated stream", Packing::Gzip, |stream| stream.truncate(stream.len() - 5)),
        broken("a bad checksum", Packing::Gzip, |stream| flip(stream, 8)),
        broken("bytes behind the stream", Packing::Gzip, |stream| stream.extend(b"garbage")),
        broken("a truncated stream", Packing::Zstd, |stream| stream.truncate(stream.len() - 2)),
        broken("bytes behind the stream", Packing::Zstd, |stream| stream.extend(b"garbage")),
        broken("a truncated stream", Packing::Deflate, |stream| stream.truncate(stream.len() - 5)),
        broken("bytes behind the stream", Packing::Deflate, |stream| stream.extend(b"garbage")),
        broken("no stream at all", Packing::Gzip, |stream| *stream = b"plain".to_vec()),
        broken("no stream at all", Packing::Deflate, |stream| *stream = b"plain".to_vec()),
        broken("no stream at all", Packing::Zstd, |stream| *stream = b"plain".to_vec()),
        broken("a zstd window of 128 MiB", Packing::Zstd, |stream| *stream = wide_window()),
    ];
    let others = [
        encoded("gzip upon gzip, as it is named", "gzip, gzip"),
        encoded("an encoding that is not taken", "br"),
        encoded("an encoding that is not taken", "lz4"),
        encoded("an encoding that is not taken", "snappy"),
        encoded("an encoding that nobody knows", "x-nonsense"),
        row("gzip upon gzip, named in two headers", Told::Unsupported)
            .json(|service| payload::json(service, &payload::json_error("")))
            .packed(Packing::Gzip)
            .changed(|call, _| call.header("content-encoding", "gzip")),
        // Undone once, it is no request.
        row("gzip upon gzip, named once", Told::Malformed)
            .protobuf(|service| Packing::Gzip.pack(&good(service)))
            .json(|service| Packing::Gzip.pack(&payload::json(service, &payload::json_error(""))))
            .packed(Packing::Gzip),
        row("a hundred thousand empty gzip members", Told::Taken)
            .protobuf(|_| Packing::Gzip.pack(b"").repeat(100_000))
            .changed(|call, via| said_to_be(call, via, "gzip"))
            .counted(0),
    ];
    bombs.chain(broken).chain(others).collect()
}

fn good(service: &str) -> Vec<u8> {
    payload::request(service.as_bytes(), &payload::error(b""))
}

fn flip(stream: &mut [u8], from_end: usize) {
    let at = stream.len() - from_end;
    stream[at] ^= 1;
}

/// A good request whose compressed bytes are then spoilt.
fn broken(name: &'static str, packing: Packing, spoil: fn(&mut Vec<u8>)) -> Row {
    let spoilt = move |plain: &[u8]| {
        let mut stream = packing.pack(plain);
        spoil(&mut stream);
        stream
    };
    row(name, Told::Malformed)
        .protobuf(move |service| spoilt(&good(service)))
        .json(move |service| spoilt(&payload::json(service, &payload::json_error(""))))
        .changed(move |call, via| said_to_be(call, via, packing.name()))
}

/// A good request that is said to be encoded in a way that is not taken.
fn encoded(name: &'static str, encoding: &'static str) -> Row {
    row(name, Told::Unsupported)
        .protobuf(good)
        .json(|service| payload::json(service, &payload::json_error("")))
        .changed(move |call, via| said_to_be(call, via, encoding))
}

fn said_to_be(mut call: Call, via: Via, encoding: &str) -> Call {
    if via == Via::Grpc {
        call.body[0] = 1;
        call.header("grpc-encoding", encoding)
    } else {
        call.header("content-encoding", encoding)
    }
}

/// A frame that asks for 128 MiB before it yields a byte.
fn wide_window() -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.include_contentsize(false).unwrap();
    encoder.write_all(&vec![7; MIB]).unwrap();
    encoder.finish().unwrap()
}
