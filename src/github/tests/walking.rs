//! Trees that are too large for one answer.

use super::*;

const TREES: &str = "/api/v3/repos/acme/shop/git/trees/";

fn tree(truncated: bool, entries: &[(&str, &str)]) -> Value {
    let entries: Vec<_> = entries
        .iter()
        .map(|(path, kind)| json!({"path": path, "mode": "100644", "type": kind, "sha": format!("{kind}-{path}")}))
        .collect();
    json!({"tree": entries, "truncated": truncated})
}

#[tokio::test]
async fn a_tree_that_is_cut_is_walked_folder_by_folder() {
    let steps = vec![
        ("trees/root?recursive=1", 200, tree(true, &[("a.rs", "blob")])),
        (
            "trees/root",
            200,
            tree(false, &[("a.rs", "blob"), ("big", "tree"), ("src", "tree"), ("sub", "commit")]),
        ),
        ("trees/tree-big?recursive=1", 200, tree(true, &[])),
        ("trees/tree-big", 200, tree(false, &[("b.rs", "blob"), ("in", "tree")])),
        (
            "trees/tree-src?recursive=1",
            200,
            tree(false, &[("c.rs", "blob"), ("d", "tree"), ("d/e.rs", "blob")]),
        ),
        ("trees/tree-in?recursive=1", 200, tree(false, &[("f.rs", "blob")])),
    ];
    let (github, script) = scripted(steps).await;
    let whole = github.whole_tree(&"acme/shop".parse().unwrap(), "root").await.unwrap();
    let mut paths: Vec<_> = whole.entries.iter().map(|entry| entry.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        ["a.rs", "big", "big/b.rs", "big/in", "big/in/f.rs", "src", "src/c.rs", "src/d", "src/d/e.rs", "sub"]
    );
    assert!(!whole.truncated && script.steps.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_tree_that_is_whole_takes_one_call() {
    let (github, _) = scripted(vec![(TREES, 200, tree(false, &[("a.rs", "blob")]))]).await;
    let whole = github.whole_tree(&"acme/shop".parse().unwrap(), "root").await.unwrap();
    assert_eq!((whole.entries.len(), whole.truncated), (1, false));
}

#[tokio::test]
async fn a_walk_is_bounded_and_says_what_it_left_out() {
    // A folder in a folder without end, each too large to be listed with what is below it.
    let mut steps = vec![(TREES, 200, tree(true, &[]))];
    for _ in 0..200 {
        steps.push((TREES, 200, tree(false, &[("in", "tree"), ("a.rs", "blob")])));
        steps.push((TREES, 200, tree(true, &[])));
    }
    let (github, script) = scripted(steps).await;
    let whole = github.whole_tree(&"acme/shop".parse().unwrap(), "root").await.unwrap();
    assert!(whole.truncated && whole.entries.len() >= 190, "{}", whole.entries.len());
    assert!(script.steps.lock().unwrap().len() >= 195, "{}", script.steps.lock().unwrap().len());
}
