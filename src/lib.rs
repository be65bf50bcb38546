//! logmend: a log-stream filter in an OpenTelemetry pipeline.

pub mod classify;
pub mod model;
pub mod otlp;
pub mod store;

/// OTLP messages generated from `proto/`: for replies, clients and comparisons. The service itself reads requests through [`otlp`].
#[expect(missing_docs, clippy::pedantic, reason = "generated code")]
pub mod proto {
    pub mod common {
        pub mod v1 {
            tonic::include_proto!("opentelemetry.proto.common.v1");
        }
    }
    pub mod resource {
        pub mod v1 {
            tonic::include_proto!("opentelemetry.proto.resource.v1");
        }
    }
    pub mod logs {
        pub mod v1 {
            tonic::include_proto!("opentelemetry.proto.logs.v1");
        }
    }
    pub mod collector {
        pub mod logs {
            pub mod v1 {
                tonic::include_proto!("opentelemetry.proto.collector.logs.v1");
            }
        }
    }
}
