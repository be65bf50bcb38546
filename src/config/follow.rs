//! Settings of following pull requests.

use secrecy::{ExposeSecret, SecretString};

use super::Reader;

/// GitHub asks for a random text "of high entropy" ("Validating webhook deliveries"); shorter than this none is.
const SECRET_BYTES_MIN: usize = 16;

impl Reader<'_> {
    /// What GitHub signs its events with.
    pub(super) fn webhook_secret(&mut self) -> Option<SecretString> {
        let secret = self.secret("GITHUB_WEBHOOK_SECRET")?;
        if secret.expose_secret().len() < SECRET_BYTES_MIN {
            self.fault(format!(
                "GITHUB_WEBHOOK_SECRET is shorter than {SECRET_BYTES_MIN} characters and could be guessed; set a random one here and at GitHub"
            ));
            return None;
        }
        Some(secret)
    }
}
