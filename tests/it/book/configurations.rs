//! Configurations of the pages are taken by what they are for: settings and rules by logmend, the rest by a Collector.

use super::pages::{self, Block};
use super::world::World;
use crate::support::collector::otelcol;
use crate::support::programs;

/// Keys that a table of `[[rule]]` has, as the manual shows them one by one.
const RULE_KEYS: [&str; 9] =
    ["any", "all", "none", "near", "must", "must_not", "attributes", "resource_attributes", "services"];

/// What a `toml` block is: a file of rules, some keys of a rule, or settings.
async fn try_toml(world: &World, block: &Block) -> Result<(), String> {
    let table: toml::Table = block.text.parse().map_err(|error| format!("{error}"))?;
    let folder = world.folder.path().display().to_string();
    let (name, script) = if table.contains_key("rule") {
        ("rules-of-the-page.toml", "logmend rules lint rules-of-the-page.toml")
    } else if table.keys().all(|key| RULE_KEYS.contains(&key.as_str()))
        && !table.get("services").is_some_and(toml::Value::is_table)
    {
        // What the keys say need not fit each other: it is enough that they are read.
        ("keys-of-the-page.toml", "logmend rules lint keys-of-the-page.toml || [ $? = 1 ]")
    } else {
        ("settings-of-the-page.toml", "logmend --config settings-of-the-page.toml")
    };
    let mut text = block.text.replace("/run/secrets", &folder).replace('…', "placeholder");
    if name.starts_with("keys") {
        let begun = "[[rule]]\nid = \"of-the-page\"\ncategory = \"unknown\"\nseverity = \"low\"\nfixable = false\nsuggested_fix = \"Look.\"\n";
        let any = if table.contains_key("any") { "" } else { "any = [\"placeholder\"]\n" };
        text = format!("{begun}{any}{text}");
    }
    std::fs::write(world.folder.path().join(name), text).unwrap();
    world.run(script).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_of_settings_and_rules_is_taken() {
    let world = World::start().await;
    let (mut tried, mut faults) = (0, Vec::new());
    for page in pages::all() {
        for block in page.blocks_of("toml") {
            tried += 1;
            if let Err(told) = try_toml(&world, block).await {
                faults.push(format!("{}:\n{told}", block.place));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    assert!(tried > 8, "{tried}");
}

/// The Collector takes what the pages give it, beside `otel-collector.yaml`; the one of the tests holds no load balancer.
#[tokio::test(flavor = "multi_thread")]
async fn the_collector_takes_its_configurations() {
    let folder = tempfile::tempdir().unwrap();
    let mut tried = 0;
    for page in pages::all() {
        for block in page.blocks_of("yaml") {
            if !block.text.contains("exporters:") || block.text.contains("loadbalancing:") {
                continue;
            }
            let file = folder.path().join("of-the-page.yaml");
            std::fs::write(&file, &block.text).unwrap();
            let mut validate = otelcol(&["validate"]);
            validate.arg("--config").arg(&file).env("STORAGE_DIR", folder.path());
            let told = programs::attempt(validate, "").await;
            assert!(told.is_ok(), "{}: {told:?}", block.place);
            tried += 1;
        }
    }
    assert!(tried > 1, "{tried}");
}
