//! Compiles `proto/` into message types, without an installed `protoc`.

use std::error::Error;
use std::path::Path;

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    println!("cargo::rerun-if-changed=src/store/migrations");
    let service = "opentelemetry/proto/collector/logs/v1/logs_service.proto";
    let descriptors = protox::compile([service], ["proto"])?;
    // Reflection shows them to whoever asks.
    let path = Path::new(&std::env::var("OUT_DIR")?).join("descriptors.bin");
    std::fs::write(path, descriptors.encode_to_vec())?;
    tonic_prost_build::configure().build_server(false).compile_fds(descriptors)?;
    Ok(())
}
