//! Names of files as people give them: patterns are looked up where the shell left them as they are.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::is_stdin;

/// The files that `names` are of, those of one pattern in the order of their names. A name of a file that is there is none of
/// others, whatever it holds.
///
/// # Errors
///
/// Where a pattern matches nothing or cannot be read; the message names it.
pub(in crate::commands) fn expanded(names: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for name in names {
        match pattern(name) {
            None => files.push(name.clone()),
            Some(pattern) => files.extend(matched(pattern)?),
        }
    }
    Ok(files)
}

/// The text of a pattern; `None` for a plain name.
fn pattern(name: &Path) -> Option<&str> {
    let text = name.to_str().filter(|text| text.contains(['*', '?', '[']))?;
    (!is_stdin(name) && !name.exists()).then_some(text)
}

fn matched(pattern: &str) -> anyhow::Result<Vec<PathBuf>> {
    let paths = glob::glob(pattern).with_context(|| format!("{pattern} is no pattern of file names"))?;
    let mut files = Vec::new();
    for path in paths {
        let path = path.with_context(|| format!("a folder of {pattern} cannot be read"))?;
        if !path.is_dir() {
            files.push(path);
        }
    }
    if files.is_empty() {
        bail!("no file matches {pattern}; name files that exist");
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_become_files_and_names_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["b.log", "a.log", "c.txt", "[x].log"] {
            std::fs::write(path(name), "").unwrap();
        }
        std::fs::create_dir(path("d.log")).unwrap();
        let all = expanded(&["-".into(), path("[ab].log"), path("[x].log"), path("gone.log")]).unwrap();
        let expected = ["-".into(), path("a.log"), path("b.log"), path("[x].log"), path("gone.log")];
        assert_eq!(all, expected);
        for (name, told) in [("*.gz", "no file matches"), ("***", "is no pattern")] {
            let error = expanded(&[path(name)]).unwrap_err();
            assert!(format!("{error:#}").contains(told), "{error:#}");
        }
    }
}
