//! A shop with one bug, and the change that mends it: what tests of fixes need that are about something else.

use serde_json::json;

use super::claude::Turn;

/// Its one file.
pub const PATH: &str = "shop/cart.py";
/// What it holds: `checkout` raises on every request.
pub const SOURCE: &str = "def checkout(request):\n    raise ValueError(request)\n";

/// The change, of which Claude is as sure as `confidence` says.
pub fn submission(confidence: &str) -> Turn {
    Turn::tool_use(
        "submit_fix",
        json!({
            "title": "Refuse the request",
            "root_cause": "`checkout` raises on every request.",
            "explanation": "It does not any more.",
            "edits": [{"path": PATH, "find": "    raise ValueError(request)\n", "replace": "    return request\n"}],
            "new_files": null,
            "confidence": confidence,
            "how_to_verify": "Run it.",
        }),
    )
}
