//! A row of the table: a hostile request, who sends it, and what must come of it.

use super::judge::Told;
use super::payload::{Packing, grpc_frame};
use crate::support::wire::{Call, Version};

pub const EXPORT: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
pub const LOGS: &str = "/v1/logs";

/// What a sender speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    Grpc,
    Protobuf,
    Json,
}

impl Via {
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Grpc => "application/grpc",
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }

    pub fn version(self) -> Version {
        if self == Self::Grpc { Version::Http2 } else { Version::Http1 }
    }

    /// A call that exports `message`, compressed or not.
    pub fn call(self, message: &[u8], packing: Option<Packing>) -> Call {
        let packed = packing.map_or_else(|| message.to_vec(), |packing| packing.pack(message));
        let (path, body, header) = match self {
            Self::Grpc => (EXPORT, grpc_frame(packing.is_some().into(), &packed), "grpc-encoding"),
            Self::Protobuf | Self::Json => (LOGS, packed, "content-encoding"),
        };
        let call = Call::post(path, self.content_type(), body);
        let call = if self == Self::Grpc { call.header("te", "trailers") } else { call };
        packing.map_or(call.clone(), |packing| call.header(header, packing.name()))
    }
}

/// From the name of the service that its records are to have to a request's message.
type Make = Box<dyn Fn(&str) -> Vec<u8>>;

/// A hostile request and what must come of it.
pub struct Row {
    pub name: &'static str,
    pub told: Told,
    /// How many records of it are counted; `None` where that does not matter.
    pub counted: Option<u64>,
    /// How far memory may grow meanwhile.
    pub growth_mib: u64,
    protobuf: Option<Make>,
    json: Option<Make>,
    over: Option<Via>,
    packing: Option<Packing>,
    change: Box<dyn Fn(Call, Via) -> Call>,
}

/// How far memory may grow unless a row says otherwise: a request as it came in and decompressed.
const GROWTH_MIB: u64 = 32;

pub fn row(name: &'static str, told: Told) -> Row {
    Row {
        name,
        told,
        counted: (told != Told::Taken).then_some(0),
        growth_mib: GROWTH_MIB,
        protobuf: None,
        json: None,
        over: None,
        packing: None,
        change: Box::new(|call, _| call),
    }
}

impl Row {
    /// Sent over gRPC, and over HTTP in protobuf.
    pub fn protobuf(self, make: impl Fn(&str) -> Vec<u8> + 'static) -> Self {
        Self { protobuf: Some(Box::new(make)), ..self }
    }

    /// Sent over HTTP in JSON.
    pub fn json(self, make: impl Fn(&str) -> Vec<u8> + 'static) -> Self {
        Self { json: Some(Box::new(make)), ..self }
    }

    pub fn packed(self, packing: Packing) -> Self {
        Self { packing: Some(packing), ..self }
    }

    pub fn counted(self, records: u64) -> Self {
        Self { counted: Some(records), ..self }
    }

    pub fn grows(self, growth_mib: u64) -> Self {
        Self { growth_mib, ..self }
    }

    /// Sent over this alone.
    pub fn over(self, via: Via) -> Self {
        Self { over: Some(via), ..self }
    }

    /// Changes the finished call.
    pub fn changed(self, change: impl Fn(Call, Via) -> Call + 'static) -> Self {
        Self { change: Box::new(change), ..self }
    }

    /// What sends this row.
    pub fn senders(&self) -> impl Iterator<Item = Via> {
        let protobuf = self.protobuf.as_ref().map(|_| [Via::Grpc, Via::Protobuf]);
        let all = protobuf.into_iter().flatten().chain(self.json.as_ref().map(|_| Via::Json));
        all.filter(|via| self.over.is_none_or(|only| only == *via))
    }

    pub fn call(&self, via: Via, service: &str) -> Call {
        let make = if via == Via::Json { &self.json } else { &self.protobuf };
        let message = make.as_ref().map_or_else(Vec::new, |make| make(service));
        (self.change)(via.call(&message, self.packing), via)
    }
}
