//! The pages that people read, taken apart as GitHub and mdBook do.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// A fenced or indented block.
#[derive(Debug)]
pub struct Block {
    /// What stands behind the fence; empty where nothing does.
    pub language: String,
    pub text: String,
    /// Where it is, for people: `docs/start.md:12`.
    pub place: String,
}

/// One page.
#[derive(Debug, Default)]
pub struct Page {
    /// From the repository's root.
    pub path: String,
    pub text: String,
    pub blocks: Vec<Block>,
    /// Where its links lead to, as they are written.
    pub links: Vec<String>,
    /// What stands in backticks.
    pub spans: Vec<String>,
    /// What a link may name behind `#`.
    pub anchors: BTreeSet<String>,
}

/// A path in the repository.
pub fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The chapters of the book, SUMMARY.md among them.
pub fn chapters() -> Vec<Page> {
    let paths = std::fs::read_dir(at("docs")).unwrap().map(|file| file.unwrap().path());
    let chapters = paths.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let names: BTreeSet<_> = chapters.map(|path| path.file_name().unwrap().to_owned()).collect();
    names.iter().map(|name| Page::read(&format!("docs/{}", name.display()))).collect()
}

/// The README and the book.
pub fn all() -> Vec<Page> {
    let mut pages = vec![Page::read("README.md")];
    pages.extend(chapters());
    pages
}

impl Page {
    /// The page at a path of the repository.
    pub fn read(path: &str) -> Self {
        let text = std::fs::read_to_string(at(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let mut page = Self { path: path.to_owned(), text: text.clone(), ..Self::default() };
        let (mut block, mut heading) = (None::<Block>, None::<String>);
        for (event, range) in Parser::new_ext(&text, Options::ENABLE_TABLES).into_offset_iter() {
            match event {
                Event::Start(Tag::CodeBlock(kind)) => {
                    let language = match kind {
                        CodeBlockKind::Fenced(language) => language.to_string(),
                        CodeBlockKind::Indented => String::new(),
                    };
                    let line = 1 + text[..range.start].matches('\n').count();
                    block = Some(Block { language, text: String::new(), place: format!("{path}:{line}") });
                }
                Event::End(TagEnd::CodeBlock) => page.blocks.extend(block.take()),
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => page.add_anchor(&heading.take().unwrap()),
                Event::Start(Tag::Link { dest_url, .. }) => page.links.push(dest_url.to_string()),
                Event::Text(part) | Event::Code(part) if heading.is_some() => {
                    heading.as_mut().unwrap().push_str(&part);
                }
                Event::Text(part) => block.iter_mut().for_each(|block| block.text.push_str(&part)),
                Event::Code(code) => page.spans.push(code.to_string()),
                _ => {}
            }
        }
        page
    }

    /// Both GitHub and mdBook make it of the heading's letters and digits.
    fn add_anchor(&mut self, heading: &str) {
        let kept = |c: char| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || "-_".contains(c) => Some(c),
            _ => None,
        };
        let slug: String = heading.to_lowercase().chars().filter_map(kept).collect();
        let mut anchor = slug.clone();
        for again in 1.. {
            if self.anchors.insert(anchor) {
                return;
            }
            anchor = format!("{slug}-{again}");
        }
    }

    /// The blocks of a language.
    pub fn blocks_of(&self, language: &str) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter(move |block| block.language == language)
    }
}
