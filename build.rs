//! Compiles `proto/` into message types, without an installed `protoc`.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    println!("cargo::rerun-if-changed=src/store/migrations");
    let service = "opentelemetry/proto/collector/logs/v1/logs_service.proto";
    let descriptors = protox::compile([service], ["proto"])?;
    tonic_prost_build::configure().build_server(false).compile_fds(descriptors)?;
    Ok(())
}
