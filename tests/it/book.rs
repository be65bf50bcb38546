//! What the README and the book (`docs/`) say is so: commands run, configurations are taken, links lead somewhere, and names are
//! those of the program.

mod commands;
mod configurations;
mod examples;
mod names;
mod pages;
mod world;

use std::collections::BTreeSet;

use pages::{Page, at};

/// Chapters that stand for themselves beside the files that they name: links to those work where the repository is read.
const GUIDES: [&str; 1] = ["docs/railway.md"];

/// Where a link of a page leads to in the repository, and the heading that it names there; `None` for one to elsewhere.
fn target(page: &str, link: &str) -> Option<(String, Option<String>)> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) =
        link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor.to_owned())));
    if path.is_empty() {
        return Some((page.to_owned(), anchor));
    }
    let mut folders: Vec<&str> = page.split('/').collect();
    folders.pop();
    for part in path.split('/') {
        match part {
            ".." => drop(folders.pop()),
            "." => {}
            part => folders.push(part),
        }
    }
    Some((folders.join("/"), anchor))
}

#[test]
fn every_link_leads_somewhere() {
    let mut faults = Vec::new();
    let mut pages = pages::all();
    pages.push(Page::read("deploy/README.md"));
    for page in &pages {
        for link in &page.links {
            let Some((path, anchor)) = target(&page.path, link) else { continue };
            if !at(&path).exists() {
                faults.push(format!("{}: {link}: there is no {path}", page.path));
            } else if page.path.starts_with("docs/")
                && !path.starts_with("docs/")
                && !GUIDES.contains(&page.path.as_str())
            {
                faults.push(format!(
                    "{}: {link}: the book does not hold {path}; name it in backticks",
                    page.path
                ));
            } else if let Some(anchor) = anchor
                && !Page::read(&path).anchors.contains(&anchor)
            {
                faults.push(format!("{}: {link}: {path} has no such heading", page.path));
            }
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

/// `mdbook build docs` takes its chapters from SUMMARY.md: what is not named there is not in the book.
#[test]
fn the_book_holds_every_chapter() {
    let book: toml::Table = std::fs::read_to_string(at("docs/book.toml")).unwrap().parse().unwrap();
    assert_eq!(book["book"]["src"].as_str(), Some("."));
    let summary = Page::read("docs/SUMMARY.md");
    let named: BTreeSet<_> = summary.links.iter().map(|link| format!("docs/{link}")).collect();
    assert_eq!(named.len(), summary.links.len(), "mdBook refuses a chapter that is named twice");
    let files: BTreeSet<_> = pages::chapters().into_iter().map(|page| page.path).collect();
    let there: BTreeSet<_> = files.into_iter().filter(|path| path != "docs/SUMMARY.md").collect();
    assert_eq!(named, there);
}

/// The source of a file of tests and of those in its folder.
fn source_of(name: &str) -> String {
    let folder = std::fs::read_dir(at(&format!("tests/it/{name}"))).into_iter().flatten();
    let inner = folder.map(|file| file.unwrap().path()).filter(|path| path.is_file());
    let files = inner.chain([at(&format!("tests/it/{name}.rs"))]);
    files
        .map(|path| {
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        })
        .collect()
}

/// A claim of the security model names the test that shows it: file of `tests/it/` and name.
#[test]
fn every_claim_about_security_names_a_test_that_is_there() {
    let page = Page::read("docs/security.md");
    let named: Vec<_> = page.spans.iter().filter_map(|span| span.split_once("::")).collect();
    assert!(named.len() > 20, "{named:?}");
    for (file, name) in named {
        assert!(source_of(file).contains(&format!("fn {name}()")), "there is no test {file}::{name}");
    }
}

#[test]
fn json_is_json() {
    for page in pages::all() {
        for block in page.blocks_of("json") {
            let parsed: Result<serde_json::Value, _> = serde_json::from_str(&block.text);
            assert!(parsed.is_ok(), "{}: {parsed:?}", block.place);
        }
    }
}

/// The dashboard's empty page and the book tell the same of how logs are sent.
#[test]
fn the_dashboard_and_the_book_send_logs_alike() {
    let guide = std::fs::read_to_string(at("src/dashboard/templates/guide.html")).unwrap();
    let chapter = Page::read("docs/send-logs.md").text;
    let chapter: BTreeSet<_> = chapter.lines().map(str::trim).collect();
    let mut compared = 0;
    for part in guide.split("<pre tabindex=\"0\">").skip(1) {
        let part = part.split("</pre>").next().unwrap();
        // A Collector is told in the chapter about Collectors, with its queue.
        if part.starts_with("exporters:") {
            continue;
        }
        let part = part.replace("{{ guide.grpc }}", "http://localhost:4317");
        let part = part.replace("{{ guide.http }}", "http://localhost:4318").replace("&amp;", "&");
        for line in part.lines().map(str::trim).filter(|line| !line.is_empty()) {
            assert!(chapter.contains(line), "docs/send-logs.md does not have the dashboard's line: {line}");
            compared += 1;
        }
    }
    assert!(compared > 30, "{compared}");
}
