//! Slack's incoming webhooks: Block Kit.
//!
//! Sources: Slack's reference of Block Kit (a header has 150 characters at most, a section's text 3,000, a field 2,000, ten fields),
//! "Formatting text for app surfaces" (`&`, `<` and `>` are escaped), "Rate limits" (a message in a second).

use serde_json::{Value, json};

use super::content::{Notice, inert};

const HEADER_MAX: usize = 150;
const SECTION_MAX: usize = 3_000;
const FIELD_MAX: usize = 300;
const SUMMARY_MAX: usize = 600;

/// The message.
pub(super) fn message(notice: &Notice<'_>) -> Value {
    let content = notice.content;
    let title = inert(&content.title, HEADER_MAX);
    let mut blocks = vec![
        json!({"type": "header", "text": {"type": "plain_text", "text": title, "emoji": false}}),
        section(&escaped(&inert(&content.summary, SUMMARY_MAX), SECTION_MAX)),
    ];
    if let Some(digest) = &content.digest {
        let lines: Vec<_> = digest.named.iter().map(|named| format!("• {}", inert(named, 200))).collect();
        if !lines.is_empty() {
            blocks.push(section(&escaped(&lines.join("\n"), SECTION_MAX)));
        }
    }
    blocks.push(json!({"type": "section", "fields": fields(notice)}));
    if let Some(url) = content.fix.as_ref().and_then(|fix| fix.pull_request.as_ref()) {
        blocks.push(section(&format!("<{}|Pull request>", url.replace('&', "&amp;"))));
    }
    let text = escaped(&format!("{title}: {}", inert(&content.summary, SUMMARY_MAX)), SECTION_MAX);
    json!({"text": text, "blocks": blocks, "unfurl_links": false, "unfurl_media": false})
}

/// Text in which Slack looks for no links or names by itself.
fn text(text: &str) -> Value {
    json!({"type": "mrkdwn", "text": text, "verbatim": true})
}

fn section(of: &str) -> Value {
    json!({"type": "section", "text": text(of)})
}

fn fields(notice: &Notice<'_>) -> Vec<Value> {
    let content = notice.content;
    let mut fields = vec![("Alert", notice.rule.to_string()), ("Severity", content.severity.to_string())];
    if let Some(error) = &content.error {
        fields.push(("Service", inert(&error.service, FIELD_MAX)));
        fields.push(("Category", error.category.clone()));
        fields.push(("Count", error.count.to_string()));
        fields.push(("First seen", error.first_seen.clone()));
        fields.push(("Last seen", error.last_seen.clone()));
        fields.push(("Error", error.id.clone()));
    }
    if let Some(rate) = &content.rate {
        fields.push(("In an hour", format!("{} ({} as a rule)", rate.per_hour, rate.usual_per_hour)));
    }
    if let Some(reason) = content.fix.as_ref().map(|fix| &fix.reason).filter(|reason| !reason.is_empty()) {
        fields.push(("Reason", inert(reason, FIELD_MAX)));
    }
    let shown =
        |(name, value): (&str, String)| text(&format!("*{name}*\n{}", escaped(&value, FIELD_MAX * 5)));
    fields.into_iter().take(10).map(shown).collect()
}

/// Escapes what Slack's markup begins with, and ends before the bound.
fn escaped(text: &str, chars_max: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = 0;
    for c in text.chars() {
        let escape = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            _ => "",
        };
        chars += escape.len().max(1);
        if chars > chars_max {
            break;
        }
        if escape.is_empty() { out.push(c) } else { out.push_str(escape) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::content::tests::{hostile, notice};
    use super::*;
    use crate::model::AlertRule;
    use crate::store::DeliveryAction;

    #[test]
    fn log_text_mentions_nobody_and_links_nowhere() {
        let content = hostile();
        let message = message(&notice(&content, AlertRule::New, DeliveryAction::Firing));
        let text = message.to_string();
        for gone in ["<!", "<@", "@here", "<http", "https://evil", "www.evil", "|click>"] {
            let allowed = text.replace("<https://github.com/acme/shop/pull/1|Pull request>", "");
            assert!(!allowed.contains(gone), "{gone} in {text}");
        }
        assert!(text.contains("<https://github.com/acme/shop/pull/1|Pull request>"), "{text}");
        insta::assert_json_snapshot!(message);
    }

    #[test]
    fn an_escape_is_whole_or_not_there() {
        assert_eq!(escaped("a&b<c>", 100), "a&amp;b&lt;c&gt;");
        assert_eq!(escaped("&&&", 10), "&amp;&amp;");
        assert_eq!(escaped(&"&".repeat(10_000), SECTION_MAX).len(), SECTION_MAX);
    }
}
