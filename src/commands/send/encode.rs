//! A request as it travels: encoded, compressed and framed ahead of its time, so that sending it again costs nothing.

use std::io::{self, Write as _};

use bytes::Bytes;
use flate2::write::GzEncoder;
use prost::Message as _;

use super::json;
use super::plan::{Compression, Plan, Protocol};
use crate::proto::collector::logs::v1::ExportLogsServiceRequest;

/// The head of a gRPC message: whether it is compressed, and its length in 4 bytes.
const FRAME_HEAD_BYTES: usize = 5;

/// How requests are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Encoder {
    protocol: Protocol,
    compression: Compression,
}

impl Encoder {
    /// The encoder that a plan asks for.
    pub(super) fn new(plan: &Plan) -> Self {
        Self { protocol: plan.protocol, compression: plan.compression }
    }

    /// The body of an HTTP request, or of a gRPC call.
    ///
    /// # Errors
    ///
    /// Where a compressor fails, or a gRPC message is longer than 4 GiB.
    pub(super) fn body(self, request: &ExportLogsServiceRequest) -> io::Result<Bytes> {
        let head = if self.protocol == Protocol::Grpc { FRAME_HEAD_BYTES } else { 0 };
        let mut body = vec![0; head];
        match self.protocol {
            Protocol::HttpJson => json::encode(request, &mut body)?,
            Protocol::Grpc | Protocol::HttpProtobuf => {
                body.reserve(request.encoded_len());
                request.encode(&mut body).map_err(io::Error::other)?;
            }
        }
        if self.compression != Compression::None {
            let compressed = self.compressed(&body[head..])?;
            body.truncate(head);
            body.extend(compressed);
        }
        if self.protocol == Protocol::Grpc {
            let len = u32::try_from(body.len() - head).map_err(io::Error::other)?;
            body[0] = u8::from(self.compression != Compression::None);
            body[1..head].copy_from_slice(&len.to_be_bytes());
        }
        Ok(body.into())
    }

    fn compressed(self, message: &[u8]) -> io::Result<Vec<u8>> {
        match self.compression {
            Compression::None => Ok(message.to_vec()),
            Compression::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(message)?;
                encoder.finish()
            }
            Compression::Zstd => zstd::bulk::compress(message, zstd::DEFAULT_COMPRESSION_LEVEL),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::super::records;
    use super::*;
    use crate::proto::logs::v1::{ResourceLogs, ScopeLogs};

    fn request() -> ExportLogsServiceRequest {
        let log_records = vec![records::of_text("ERROR lost".to_owned()); 100];
        let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
        ExportLogsServiceRequest {
            resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }],
        }
    }

    #[test]
    fn what_is_compressed_and_framed_is_the_request() {
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            let frame = Encoder { protocol: Protocol::Grpc, compression }.body(&request()).unwrap();
            let body = Encoder { protocol: Protocol::HttpProtobuf, compression }.body(&request()).unwrap();
            assert_eq!(frame[0], u8::from(compression != Compression::None));
            assert_eq!(frame[1..5], u32::try_from(body.len()).unwrap().to_be_bytes());
            assert_eq!(frame[5..], body);
            let mut plain = Vec::new();
            match compression {
                Compression::None => plain.extend(body),
                Compression::Gzip => {
                    flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut plain).unwrap();
                }
                Compression::Zstd => plain = zstd::stream::decode_all(&body[..]).unwrap(),
            }
            assert_eq!(ExportLogsServiceRequest::decode(&plain[..]).unwrap(), request(), "{compression:?}");
        }
    }
}
