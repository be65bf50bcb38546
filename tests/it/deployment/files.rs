//! The files of `deploy/` and the two of Railway, each held against what its platform publishes.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::file;
use crate::support::{programs, python};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// YAML documents that fit a schema of `tests/data/schemas`, or a folder of some.
async fn documents(text: &str, schema: &str) -> Vec<Value> {
    let schema = format!("{ROOT}/tests/data/schemas/{schema}");
    let told = python::feed(&python::script("documents.py"), &[&schema], text).await;
    told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap();
        out
    })
}

/// The files below a folder, as `find` names them.
fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files_below(&path, found) } else { found.push(path) }
    }
}

/// As `scripts/check-deploy` makes it: the digest of the digests of what a rendered file is made of.
fn sources(values: &str) -> String {
    let mut paths = Vec::new();
    files_below(&Path::new(ROOT).join("deploy/helm/logmend"), &mut paths);
    let values = Path::new(ROOT).join(format!("tests/data/chart/{values}.values.yaml"));
    paths.extend(values.exists().then_some(values));
    let mut lines: Vec<_> = paths
        .iter()
        .map(|path| {
            let name = path.strip_prefix(ROOT).unwrap().display();
            (name.to_string(), format!("{}  {name}\n", hex(&Sha256::digest(std::fs::read(path).unwrap()))))
        })
        .collect();
    lines.sort();
    hex(&Sha256::digest(lines.into_iter().map(|(_, line)| line).collect::<String>()))
}

/// What Helm made of the chart is of the chart as it is now, and fits Kubernetes' own schemas, none of whose fields is unknown.
#[tokio::test(flavor = "multi_thread")]
async fn the_chart_renders_what_kubernetes_takes() {
    for (case, kinds) in [
        ("default", "PersistentVolumeClaim Service Deployment ServiceAccount"),
        (
            "full",
            "NetworkPolicy PodDisruptionBudget ServiceAccount Service Deployment HorizontalPodAutoscaler ServiceMonitor",
        ),
    ] {
        let rendered = file(&format!("tests/data/chart/{case}.yaml"));
        let made = format!("# Made by scripts/check-deploy of sources {}", sources(case));
        assert_eq!(
            rendered.lines().next(),
            Some(made.as_str()),
            "the chart has changed: scripts/check-deploy --write"
        );
        let documents = documents(&rendered, "kubernetes").await;
        let mut found: Vec<_> = documents.iter().map(|of| of["kind"].as_str().unwrap()).collect();
        let mut kinds: Vec<_> = kinds.split(' ').collect();
        found.sort_unstable();
        kinds.sort_unstable();
        assert_eq!(found, kinds);
        let deployment = documents.iter().find(|of| of["kind"] == "Deployment").unwrap();
        check_pod(&deployment["spec"]["template"]["spec"]);
    }
}

/// A pod without rights, whose probes are routes that the service has.
fn check_pod(pod: &Value) {
    let container = &pod["containers"][0];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["securityContext"]["capabilities"]["drop"], json!(["ALL"]));
    assert!(container["resources"]["limits"]["memory"].is_string());
    for (probe, path) in [("readinessProbe", "/health/ready"), ("livenessProbe", "/health/live")] {
        assert_eq!(container[probe]["httpGet"]["path"], path);
    }
}

/// The file fits the Compose specification, and no port of it is open beyond this machine.
#[tokio::test(flavor = "multi_thread")]
async fn compose_fits_its_specification() {
    let composed = documents(&file("deploy/compose.yaml"), "compose-spec.json").await.remove(0);
    let services = composed["services"].as_object().unwrap();
    assert_eq!(services.keys().collect::<Vec<_>>(), ["application", "collector", "logmend", "postgres"]);
    for (name, service) in services {
        let image = service["image"].as_str().unwrap();
        assert!(image.contains(':') && !image.ends_with(":latest"), "{name}: {image} is pinned");
        for port in service["ports"].as_array().into_iter().flatten() {
            assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{name}: {port}");
        }
    }
    let build = &services["logmend"]["build"];
    let context = Path::new(ROOT).join("deploy").join(build["context"].as_str().unwrap());
    assert!(context.join(build["dockerfile"].as_str().unwrap()).is_file());
    let configuration = services["collector"]["volumes"][0].as_str().unwrap().split(':').next().unwrap();
    assert!(Path::new(ROOT).join("deploy").join(configuration).is_file(), "{configuration}");
}

/// hadolint has nothing to say; the program is the first process, gets the signals, and has no rights.
#[test]
fn the_image_is_made_with_care() {
    let path = Path::new(ROOT).join("deploy/Dockerfile");
    let hadolint = programs::prepared("LOGMEND_PYTHON").with_file_name("hadolint");
    let linted = Command::new(hadolint).arg(&path).output().unwrap();
    assert!(linted.status.success(), "{}", String::from_utf8_lossy(&linted.stdout));
    let text = std::fs::read_to_string(path).unwrap();
    let last = text.rsplit("\nFROM ").next().unwrap();
    for instruction in
        ["USER 65532:65532", "ENTRYPOINT [\"/usr/local/bin/logmend\"]", "CMD [\"run\"]", "STOPSIGNAL SIGTERM"]
    {
        assert!(last.lines().any(|line| line == instruction), "{instruction}");
    }
    assert!(
        last.contains("CMD [\"/usr/local/bin/logmend\", \"healthcheck\"]"),
        "HEALTHCHECK without a shell"
    );
    for base in text.lines().filter_map(|line| line.strip_prefix("FROM ")) {
        let image = base.split(' ').next().unwrap();
        assert!(image == "scratch" || image.split(':').nth(1).is_some_and(|tag| tag.contains('.')), "{base}");
    }
}

/// What the compiler reads beside `src/` is copied before the program is built.
#[test]
fn the_image_is_built_of_all_that_the_program_is_made_of() {
    let dockerfile = file("deploy/Dockerfile");
    let ignored = file("deploy/Dockerfile.dockerignore");
    let mut sources = Vec::new();
    files_below(&Path::new(ROOT).join("src"), &mut sources);
    let mut needed: Vec<_> = ["proto", "src", "build.rs", "templates", "assets", "static", "askama.toml"]
        .into_iter()
        .filter(|name| Path::new(ROOT).join(name).exists())
        .map(str::to_owned)
        .collect();
    for path in sources.iter().filter(|path| path.extension().is_some_and(|of| of == "rs")) {
        let text = std::fs::read_to_string(path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for (at, _) in
            code.match_indices("include_str!(\"../").chain(code.match_indices("include_bytes!(\"../"))
        {
            let included = code[at..].split('"').nth(1).unwrap();
            let included = std::fs::canonicalize(path.with_file_name(included)).unwrap();
            let included = included.strip_prefix(ROOT).unwrap().to_str().unwrap().to_owned();
            if !path.components().any(|part| part.as_os_str() == "tests") {
                needed.push(included);
            }
        }
    }
    for name in needed.iter().filter(|name| name.as_str() == "src" || !name.starts_with("src/")) {
        let top = name.split('/').next().unwrap();
        let is_copied = dockerfile.lines().any(|line| {
            line.starts_with("COPY ") && line.split(' ').any(|word| word == name.as_str() || word == top)
        });
        assert!(is_copied, "{name} is not copied in deploy/Dockerfile");
        assert!(
            ignored.lines().any(|line| line == format!("!{name}") || line == format!("!{top}")),
            "{name} is left out by deploy/Dockerfile.dockerignore"
        );
    }
}

/// The root of the image holds all that the program needs: in nothing but that it starts, as a user without rights.
#[test]
fn the_program_starts_in_the_root_of_its_image() {
    let folder = tempfile::tempdir().unwrap();
    // The folder is a stranger's for the user in it.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let made = Command::new(format!("{ROOT}/deploy/rootfs"))
        .arg(env!("CARGO_BIN_EXE_logmend"))
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut files = Vec::new();
    files_below(folder.path(), &mut files);
    let beside: u64 = files
        .iter()
        .filter(|path| !path.ends_with("usr/local/bin/logmend"))
        .map(|path| path.metadata().unwrap().len())
        .sum();
    assert!(beside < 6_000_000, "the image is to be small: {beside} bytes beside the program");
    // Only root may change the root.
    let is_root = folder.path().metadata().unwrap().uid() == 0;
    let mut chroot = Command::new(if is_root { "chroot" } else { "sudo" });
    if !is_root {
        chroot.arg("chroot");
    }
    let started = chroot
        .arg("--userspec=65532:65532")
        .arg(folder.path())
        .args(["/usr/local/bin/logmend", "healthcheck", "--timeout", "1"])
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LOGMEND_API_ADDR", "127.0.0.1:1")
        .output();
    let started = started.unwrap();
    let told = String::from_utf8_lossy(&started.stderr);
    assert!(started.status.code() == Some(1) && told.contains("no answer from"), "{told}");
}

/// Railway's own types take the file, and what it describes is what railway.json says as long as that is read.
#[tokio::test(flavor = "multi_thread")]
async fn railway_takes_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let modules = programs::prepared("LOGMEND_NODE_MODULES");
    symlink(&modules, folder.path().join("node_modules")).unwrap();
    std::fs::write(folder.path().join("package.json"), r#"{"type": "module"}"#).unwrap();
    std::fs::write(folder.path().join("railway.ts"), file(".railway/railway.ts")).unwrap();
    let mut compiler = Command::new("node");
    compiler.current_dir(folder.path()).arg(modules.join("typescript/bin/tsc"));
    compiler.args(["--strict", "--module", "nodenext", "--target", "es2022", "railway.ts"]);
    programs::run(compiler).await;
    let mut evaluated = Command::new("node");
    evaluated.current_dir(folder.path()).args(["--input-type=module", "--eval"]).arg(
        "import * as iac from 'railway/iac'; import described from './railway.js';
         console.log(JSON.stringify(await described(iac.createRailwayContext({environment: 'production'}))))",
    );
    let described: Value = serde_json::from_str(&programs::run(evaluated).await).unwrap();
    let service =
        described["resources"].as_array().unwrap().iter().find(|of| of["type"] == "service").unwrap();

    let config: Value = serde_json::from_str(&file("railway.json")).unwrap();
    assert_eq!(service["deploy"], config["deploy"]);
    assert_eq!(service["build"], config["build"]);
    assert_eq!(service["deploy"]["healthcheckPath"], "/health/ready");
    assert!(service["deploy"]["drainingSeconds"].as_u64().unwrap() >= 10);
    assert!(Path::new(ROOT).join(service["build"]["dockerfilePath"].as_str().unwrap()).is_file());
    for key in ["ANTHROPIC_API_KEY", "GITHUB_TOKEN", "LOGMEND_API_TOKEN"] {
        assert_eq!(service["variables"][key]["type"], "preserve", "{key} stands nowhere in the file");
    }
}
