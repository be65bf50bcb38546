//! Settings of learning.

use super::Reader;
use crate::learn::Mode;

impl Reader<'_> {
    /// What is done about errors that no rule knows. Without Claude, or where fixes are switched off, nobody is asked.
    pub(super) fn learn(&mut self, has_claude: bool, auto_fix: bool) -> Mode {
        let mode = self.parse("LOGMEND_LEARN", "off, propose or auto", |text| text.parse().ok());
        if let Some((_, origin)) = self.text("LOGMEND_LEARN")
            && mode.is_some_and(|mode| mode != Mode::Off)
        {
            if !has_claude {
                self.notes
                    .push(format!("{origin} has no effect without ANTHROPIC_API_KEY: no rules are proposed"));
            } else if !auto_fix {
                self.notes.push(format!(
                    "{origin} has no effect while AUTO_FIX_ENABLED is false: no rules are proposed"
                ));
            }
        }
        if has_claude && auto_fix { mode.unwrap_or_default() } else { Mode::Off }
    }
}
