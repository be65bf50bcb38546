//! The seeds that `fuzz/` starts from.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;

#[test]
#[ignore = "writes fuzz/corpus"]
fn seeds_of_the_fuzzer() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let write = |target: &str, name: &str, bytes: &[u8]| {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), bytes).unwrap();
    };
    let write_request = |name: &str, request: &[u8]| {
        write("walk", name, request);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(request).unwrap();
        write("gzip_walk", name, &gzip.finish().unwrap());
    };
    write("json", "every-field", EVERY_FIELD.as_bytes());
    write_request("every-field", &read(EVERY_FIELD).unwrap().bytes);
    let mut runner = TestRunner::deterministic();
    for seed in 0..24_u64 {
        let request = spelling::request().new_tree(&mut runner).unwrap().current();
        write_request(&format!("random-{seed}"), &request.encode_to_vec());
        let json = spelling::Spelling(seed).request(&request).to_string();
        write("json", &format!("random-{seed}"), json.as_bytes());
    }
}
