//! What whoever has log files is promised of `logmend classify`: one bug is one cluster, whatever the order of its lines.

use std::collections::{BTreeSet, HashMap};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// Runs the command with `input` on its standard input.
fn run(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_logmend"))
        .arg("classify")
        // Those of the tests are no settings of the program, which refuses what it does not know.
        .env_clear()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that ends before it has read all tells why in what it prints.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[track_caller]
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(args: &[&str], input: &str) -> Value {
    serde_json::from_str(&printed(&run(&[&["--format", "json"], args].concat(), input))).unwrap()
}

/// The cluster of each line.
fn assigned(args: &[&str], input: &str) -> Vec<String> {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out.tsv");
    printed(&run(&[args, &["--assignments", out.to_str().unwrap()]].concat(), input));
    let text = std::fs::read_to_string(out).unwrap();
    let rows: Vec<_> = text.lines().map(|line| line.split_once('\t').unwrap()).collect();
    for (expected, (number, _)) in (1..).zip(&rows) {
        assert_eq!(*number, expected.to_string());
    }
    rows.into_iter().map(|(_, cluster)| cluster.to_owned()).collect()
}

const LOG: &str = "\
2026-11-24 10:00:00 INFO listening on port 8080
2026-11-24 10:00:01 ERROR connection to 10.0.0.1:5432 refused
2026-11-24 10:00:02 ERROR checkout failed
java.lang.IllegalStateException: cart 17 is empty
\tat com.example.shop.Cart.total(Cart.java:41)
\tat com.example.shop.Checkout.pay(Checkout.java:12)
2026-11-24 10:00:03 ERROR connection to 10.0.0.2:5432 refused
2026-11-24 10:00:04 ERROR checkout failed
java.lang.IllegalStateException: cart 18 is empty
\tat com.example.shop.Cart.total(Cart.java:44)
\tat com.example.shop.Checkout.pay(Checkout.java:15)
2026-11-24 10:00:05 INFO done
";

#[test]
fn errors_are_clustered_and_their_traces_are_one_occurrence() {
    let found = json(&[], LOG);
    assert_eq!((&found["lines"], &found["counted"]), (&12.into(), &4.into()), "{found:#}");
    let clusters = found["clusters"].as_array().unwrap();
    assert_eq!(clusters.len(), 2, "{found:#}");
    let trace = clusters.iter().find(|one| one["error_type"] != "").unwrap();
    assert_eq!(trace["error_type"], "java.lang.IllegalStateException");
    assert_eq!((&trace["count"], &trace["first_line"]), (&2.into(), &3.into()));
    let assigned = assigned(&[], LOG);
    let id = trace["id"].as_str().unwrap();
    assert_eq!(assigned.iter().filter(|cluster| *cluster == id).count(), 8);
    assert_eq!((&*assigned[0], &*assigned[11]), ("-", "-"));
    assert_eq!(assigned[1], assigned[6]);
}

#[test]
fn every_line_is_clustered_where_all_are_asked_for() {
    let assigned = assigned(&["--all"], LOG);
    assert!(assigned.iter().all(|cluster| cluster != "-"), "{assigned:?}");
    assert_ne!(assigned[0], assigned[11]);
}

#[test]
fn people_see_a_table_and_the_reasons() {
    let table = printed(&run(&["-"], LOG));
    assert!(
        table.contains("IllegalStateException") && table.contains("12 lines, 4 in 2 clusters"),
        "{table}"
    );
    let reasons = printed(&run(&["--explain"], LOG));
    for part in [
        "com.example.shop.Cart.total in",
        "from service, types and these frames",
        "from service, type and template",
    ] {
        assert!(reasons.contains(part), "{part} in {reasons}");
    }
}

#[test]
fn a_column_of_a_csv_is_clustered() {
    let csv = "LineId,Content,EventId\n1,\"user 1, from \"\"a\"\"\",E1\n2,\"user 2, from \"\"b\"\"\",E1\n3,\"two\nlines\",E2\n";
    let assigned = assigned(&["--all", "--content"], csv);
    assert_eq!(assigned.len(), 3);
    assert!(assigned[0] == assigned[1] && assigned[1] != assigned[2], "{assigned:?}");
}

#[test]
fn bad_input_is_told_in_a_sentence() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path().to_str().unwrap();
    for (args, told, code) in [
        (&["/nowhere.log"][..], "cannot read /nowhere.log", 1),
        (&[folder], "is a folder", 1),
        (&["-", "-"], "standard input can be read once", 1),
        (&["--content"], "has no column `Content`", 1),
        (&["--assignments", "/nowhere/x.tsv"], "cannot write /nowhere/x.tsv", 1),
        (&["--rules", "/nowhere.toml"], "/nowhere.toml", 78),
        (&["--format", "xml"], "possible values: table, json", 2),
    ] {
        let output = run(args, "a line\n");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            error.contains(told) && output.status.code() == Some(code),
            "{args:?}: {:?} {error}",
            output.status
        );
    }
    let file = TempDir::new().unwrap();
    let file = file.path().join("app.log");
    std::fs::write(&file, "ERROR boom 1\n").unwrap();
    let name = file.to_str().unwrap();
    let output = run(&[name, "--assignments", name], "");
    assert!(String::from_utf8_lossy(&output.stderr).contains("which is read; name another file"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "ERROR boom 1\n", "what is read is not written over");
    let long = format!("{}\nERROR boom 1\n", "x".repeat(2 << 20));
    assert_eq!(assigned(&[], &long).len(), 2, "a line that is too long costs itself alone");
}

/// The share of lines whose cluster holds exactly the lines of their true group (Zhu et al., ICSE-SEIP 2019), and the F1 of
/// groups that match exactly (Jiang et al., ISSTA 2024).
fn score(truth: &[String], found: &[String]) -> (f64, f64) {
    assert_eq!(truth.len(), found.len());
    let lines = |labels: &[String]| {
        let mut lines = HashMap::<String, BTreeSet<usize>>::new();
        for (at, label) in labels.iter().enumerate() {
            lines.entry(label.clone()).or_default().insert(at);
        }
        lines
    };
    let (of_truth, of_found) = (lines(truth), lines(found));
    let exact: Vec<_> = of_found
        .values()
        .filter(|lines| lines.first().is_some_and(|first| of_truth[&truth[*first]] == **lines))
        .collect();
    let share = |part: usize, whole: usize| {
        f64::from(u32::try_from(part).unwrap()) / f64::from(u32::try_from(whole).unwrap())
    };
    let right = exact.iter().map(|lines| lines.len()).sum();
    (share(right, truth.len()), share(2 * exact.len(), of_truth.len() + of_found.len()))
}

/// The sets that groups are known of: one of our own, and the structured logs of `LOGMEND_CORPUS`, where that is set.
fn labelled() -> Vec<(String, Vec<String>, Vec<String>)> {
    let own = include_str!("../data/groups.tsv").lines().filter(|line| !line.starts_with('#'));
    let (labels, lines) =
        own.map(|line| line.split_once('\t').unwrap()).map(|(a, b)| (a.to_owned(), b.to_owned())).unzip();
    let mut sets = vec![("own".to_owned(), labels, lines)];
    let corpus = std::env::var_os("LOGMEND_CORPUS").map(PathBuf::from);
    let mut files: Vec<_> = corpus
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    for file in
        files.iter().filter(|file| file.to_str().is_some_and(|name| name.ends_with("_structured.csv")))
    {
        let (labels, lines) = structured(file);
        sets.push((file.file_stem().unwrap().to_string_lossy().into_owned(), labels, lines));
    }
    sets
}

fn structured(file: &Path) -> (Vec<String>, Vec<String>) {
    let mut reader = csv::Reader::from_path(file).unwrap();
    let place = |name: &str, header: &csv::ByteRecord| {
        header.iter().position(|field| field == name.as_bytes()).unwrap()
    };
    let header = reader.byte_headers().unwrap().clone();
    let (label, content) = (place("EventId", &header), place("Content", &header));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    reader.byte_records().map(|row| row.unwrap()).map(|row| (text(&row[label]), text(&row[content]))).unzip()
}

fn as_csv(lines: &[String]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["Content"]).unwrap();
    for line in lines {
        writer.write_record([line]).unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

/// Generic settings, no rule for any system.
#[test]
fn one_message_is_one_cluster() {
    let sets = labelled();
    let (mut accuracy, mut f1) = (0.0, 0.0);
    for (name, labels, lines) in &sets {
        let found = assigned(&["--all", "--content"], &as_csv(lines));
        let (ga, fga) = score(labels, &found);
        println!("{name:32} GA {ga:.3} FGA {fga:.3}");
        (accuracy, f1) = (accuracy + ga, f1 + fga);
    }
    let sets = f64::from(u32::try_from(sets.len()).unwrap());
    println!("{:32} GA {:.3} FGA {:.3}", "mean", accuracy / sets, f1 / sets);
    assert!(accuracy / sets >= 0.95 && f1 / sets >= 0.93);
}

#[test]
fn the_order_of_lines_is_of_no_matter() {
    for (name, _, lines) in labelled() {
        let mut other: Vec<_> = lines.iter().enumerate().collect();
        other.sort_by_key(|(at, line)| (blake3_of(line), *at));
        let forth = assigned(&["--all", "--content"], &as_csv(&lines));
        let texts: Vec<_> = other.iter().map(|(_, line)| (*line).clone()).collect();
        let back = assigned(&["--all", "--content"], &as_csv(&texts));
        for ((at, line), cluster) in other.iter().zip(&back) {
            assert_eq!(&forth[*at], cluster, "{name}: {line}");
        }
    }
}

/// A fixed order that has nothing to do with the lines' own.
fn blake3_of(line: &str) -> [u8; 32] {
    *blake3::hash(line.as_bytes()).as_bytes()
}
