//! What `logmend classify` takes besides plain files: compressed ones, patterns that no shell expanded, and CSVs that are broken.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const LOG: &str = "\
2026-11-24 10:00:00 INFO listening
2026-11-24 10:00:01 ERROR connection to 10.0.0.1:5432 refused
2026-11-24 10:00:02 ERROR checkout failed
java.lang.IllegalStateException: cart 17 is empty
\tat com.example.shop.Cart.total(Cart.java:41)
";

fn run(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_logmend"))
        .arg("classify")
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that ends before it has read all tells why in what it prints.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// How many lines it read and how many of them it counted.
#[track_caller]
fn counted(output: &Output) -> (u64, u64) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(
        output.stderr.is_empty(),
        "no bar without a terminal: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    (told["lines"].as_u64().unwrap(), told["counted"].as_u64().unwrap())
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Compressed files are read as what they hold, under whatever name, and from standard input too; quoted patterns are looked up.
#[test]
fn compressed_files_and_patterns_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("app.log"), LOG).unwrap();
    std::fs::write(path("app.log.1.gz"), gzip(LOG)).unwrap();
    std::fs::write(path("app.log.2.zst"), zstd::encode_all(LOG.as_bytes(), 3).unwrap()).unwrap();
    std::fs::write(path("rotated"), gzip(LOG)).unwrap();
    let all = |arguments: &[&str], input: &[u8]| {
        counted(&run(folder.path(), &[&["--format", "json"], arguments].concat(), input))
    };
    assert_eq!(all(&["app.log"], b""), (5, 2));
    assert_eq!(all(&["app.log.1.gz", "rotated"], b""), (10, 4));
    assert_eq!(all(&["app.log*"], b""), (15, 6));
    assert_eq!(all(&["*.gz", "*.zst", "-"], LOG.as_bytes()), (15, 6));
    assert_eq!(all(&["-"], &gzip(LOG)), (5, 2));
    assert_eq!(all(&[], &zstd::encode_all(LOG.as_bytes(), 3).unwrap()), (5, 2));

    let cut = gzip(LOG);
    std::fs::write(path("cut.gz"), &cut[..cut.len() / 2]).unwrap();
    for (name, told) in [("cut.gz", "cannot read on in cut.gz"), ("*.bz2", "no file matches *.bz2")] {
        let output = run(folder.path(), &[name], b"");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && error.contains(told), "{error}");
    }
}

/// One quote that is never closed does not take the rest of the file with it in silence.
#[test]
fn an_unclosed_quote_of_a_csv_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let csv = format!("Id,Content\n1,fine\n2,\"broken\n{}", "3,lost\n".repeat(10_000));
    let output = run(folder.path(), &["--content", "--all"], csv.as_bytes());
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("the quote that line 3 opens is not closed") && error.contains("--content"),
        "{error}"
    );
}
