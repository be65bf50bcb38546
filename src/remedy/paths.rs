//! Which paths of a repository a model may read, and which it may change.

mod protected;

/// Why a path is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// It does not name a place in the repository.
    #[error(
        "`{0}` is no path in the repository: paths are relative to its root, with `/`, without `.` or `..`"
    )]
    NotAPath(String),
    /// It may hold secrets.
    #[error("`{0}` may hold secrets and is not read")]
    MayHoldSecrets(String),
    /// Changing it is for people alone.
    #[error(
        "`{0}` is not changed by a machine: it belongs to the build, the deployment or the tools of the repository"
    )]
    Protected(String),
    /// The service's settings say so.
    #[error("`{path}` is not changed here: {why}")]
    Denied {
        /// The path.
        path: String,
        /// The rule.
        why: String,
    },
}

/// A path as it stands in a tree: relative, with `/`, without anything that climbs.
///
/// # Errors
///
/// [`PathFault::NotAPath`].
pub fn checked(path: &str) -> Result<&str, PathFault> {
    let is_segment = |part: &str| {
        !matches!(part, "" | "." | "..")
            && !part.eq_ignore_ascii_case(".git")
            && !part.chars().any(|c| c.is_control() || matches!(c, '\\' | ':' | '\0'))
    };
    if path.len() <= 1_024 && path.split('/').all(is_segment) {
        Ok(path)
    } else {
        Err(PathFault::NotAPath(crate::redact::cut(path, 200).to_owned()))
    }
}

/// A path that may be read.
///
/// # Errors
///
/// [`PathFault::NotAPath`], [`PathFault::MayHoldSecrets`].
pub fn readable(path: &str) -> Result<&str, PathFault> {
    let path = checked(path)?;
    let name = file_name(path).to_ascii_lowercase();
    let ends = [".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".tfstate", ".tfvars", ".kdbx"];
    let begins = [".env", "id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "credentials", "secrets", "secret."];
    let exact = [".npmrc", ".pypirc", ".netrc", ".htpasswd", "kubeconfig", ".git-credentials", ".dockercfg"];
    if ends.iter().any(|end| name.ends_with(end))
        || begins.iter().any(|begin| name.starts_with(begin) && !is_source(&name))
        || exact.contains(&name.as_str())
    {
        return Err(PathFault::MayHoldSecrets(path.to_owned()));
    }
    Ok(path)
}

/// A path that may be changed.
///
/// # Errors
///
/// [`PathFault`].
pub fn writable(path: &str) -> Result<&str, PathFault> {
    let path = readable(path)?;
    let lower = path.to_ascii_lowercase();
    let name = file_name(&lower);
    // What begins with a dot is of tools: of CI, editors, package managers, agents.
    let is_protected = lower.split('/').any(|segment| segment.starts_with('.'))
        || lower.split('/').rev().skip(1).any(|folder| protected::FOLDERS.contains(&folder))
        || protected::NAMES.contains(&name)
        || protected::BEGINNINGS.iter().any(|begin| name.starts_with(begin))
        || protected::ENDINGS.iter().any(|end| name.ends_with(end));
    if is_protected { Err(PathFault::Protected(path.to_owned())) } else { Ok(path) }
}

/// The last segment.
#[must_use]
pub fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a file is source by its name: what is searched.
#[must_use]
pub fn is_source(path: &str) -> bool {
    const ENDS: &[&str] = &[
        "py",
        "js",
        "mjs",
        "cjs",
        "jsx",
        "ts",
        "tsx",
        "java",
        "kt",
        "kts",
        "scala",
        "go",
        "rs",
        "cs",
        "fs",
        "rb",
        "php",
        "c",
        "h",
        "cc",
        "cpp",
        "hpp",
        "swift",
        "ex",
        "exs",
        "erl",
        "clj",
        "sql",
        "vue",
        "svelte",
        "html",
        "json",
        "yaml",
        "yml",
        "toml",
        "xml",
        "properties",
        "md",
        "txt",
        "sh",
        "proto",
        "graphql",
        "ini",
        "cfg",
        "tmpl",
        "jinja",
        "erb",
    ];
    file_name(path).rsplit_once('.').is_some_and(|(_, end)| ENDS.contains(&end.to_ascii_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_does_not_climb() {
        for bad in [
            "",
            "/etc/passwd",
            "../../etc/passwd",
            "a/../b",
            "a//b",
            "./a",
            "a\\b",
            "C:/x",
            ".git/config",
            "a/.GIT/x",
            "a\nb",
            "a/",
        ] {
            assert!(checked(bad).is_err(), "{bad:?}");
        }
        assert_eq!(checked("src/a b/ü.py"), Ok("src/a b/ü.py"));
    }

    #[test]
    fn what_may_hold_secrets_is_not_read() {
        for bad in [
            ".env",
            "a/.env.production",
            "certs/server.key",
            "id_rsa",
            "config/credentials.yml.enc",
            ".npmrc",
        ] {
            assert!(readable(bad).is_err(), "{bad}");
        }
        for good in ["src/secrets.py", "src/credentials.ts", "environment.py", "keyboard.js"] {
            assert!(readable(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn what_builds_and_deploys_is_not_changed() {
        for bad in [
            ".github/workflows/x.yml",
            "Dockerfile",
            "package.json",
            "a/Cargo.toml",
            "db/migrations/1.py",
            "vendor/x.go",
            "requirements-dev.txt",
            "web/npm-shrinkwrap.json",
            "Directory.Build.props",
            "compose.yaml",
            "go.work",
            "CLAUDE.md",
            "infra/main.tf",
            ".gitmodules",
            "x/node_modules/y.js",
            ".drone.yml",
            ".cargo/config.toml",
            "web/.yarnrc.yml",
            ".devcontainer/devcontainer.json",
            "gradle/wrapper/gradle-wrapper.properties",
            "buildSrc/src/main/kotlin/x.kt",
            "app/build.gradle.kts",
            "mvnw",
            "rules.mk",
            "bitbucket-pipelines.yml",
            "cloudbuild.yaml",
            "Containerfile",
        ] {
            assert!(writable(bad).is_err(), "{bad}");
        }
        for good in ["src/main.rs", "app/views.py", "README.md", "builder/x.ts"] {
            assert!(writable(good).is_ok(), "{good}");
        }
    }
}
