//! A compressed request, decompressed within its bound and walked.
#![no_main]

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use logmend::ingest::{Encoding, decompress};
use logmend_fuzz::{UNBOUNDED, check};

const BYTES_MAX: usize = 1 << 20;

fn decompressed(gzip: &[u8]) -> Option<Vec<u8>> {
    decompress(Encoding::Gzip, gzip, BYTES_MAX, |_| true).ok()
}

fuzz_target!(|gzip: &[u8]| {
    if let Some(request) = decompressed(gzip) {
        assert!(request.len() <= BYTES_MAX, "{} bytes came out", request.len());
        check(&request, &UNBOUNDED);
    }
});

// A changed byte of gzip seldom passes its checksum: mostly it is the request within that changes.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let inner = if seed % 4 == 0 { None } else { decompressed(&data[..size]) };
    let Some(mut request) = inner else {
        return fuzzer_mutate(data, size, max_size);
    };
    let length = request.len();
    request.resize(max_size.max(length), 0);
    let mutated = fuzzer_mutate(&mut request, length, max_size.max(length));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&request[..mutated]).expect("memory takes every byte");
    let gzip = encoder.finish().expect("memory takes every byte");
    let kept = gzip.len().min(max_size);
    data[..kept].copy_from_slice(&gzip[..kept]);
    kept
});
