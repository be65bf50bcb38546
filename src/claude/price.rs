//! What tokens cost. A model whose price is not known here is refused: its budget could not be kept.
//!
//! Source: Claude API documentation, "Models overview", November 2026.

use super::Usage;

/// US dollars for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Price {
    input: f64,
    output: f64,
    cache_write: f64,
    cache_read: f64,
}

const fn price(input: f64, output: f64, cache_write: f64, cache_read: f64) -> Price {
    Price { input, output, cache_write, cache_read }
}

/// The price of each model for prompts up to a bound, and beyond it where that differs.
const PRICES: &[(&str, Price)] = &[
    ("claude-fable-5-2", price(8.0, 40.0, 10.0, 0.20)),
    ("claude-opus-5-5", price(4.0, 20.0, 5.0, 0.20)),
    ("claude-sonnet-5-5", price(2.0, 10.0, 2.50, 0.10)),
    ("claude-haiku-5-5", price(0.10, 0.50, 0.125, 0.01)),
    ("claude-opus-5", price(5.0, 25.0, 6.25, 0.50)),
    ("claude-sonnet-5", price(2.0, 10.0, 2.50, 0.20)),
    ("claude-opus-4-8", price(5.0, 25.0, 6.25, 0.50)),
    ("claude-opus-4-7", price(5.0, 25.0, 6.25, 0.50)),
    ("claude-opus-4-6", price(5.0, 25.0, 6.25, 0.50)),
    ("claude-sonnet-4-6", price(3.0, 15.0, 3.75, 0.30)),
    ("claude-haiku-4-5", price(1.0, 5.0, 1.25, 0.10)),
];

/// Haiku 5.5 costs five times as much, on every token, once a prompt is longer than this.
const HAIKU_BAND_TOKENS: u64 = 100_000;

/// Whether a model's price is known.
#[must_use]
pub fn is_known(model: &str) -> bool {
    PRICES.iter().any(|(name, _)| *name == model)
}

/// The models whose price is known.
#[must_use]
pub fn known_models() -> Vec<&'static str> {
    PRICES.iter().map(|(name, _)| *name).collect()
}

/// The name as it stands in the list; of a model that is not there, that it is another.
pub(super) fn known_name(model: &str) -> &'static str {
    PRICES.iter().map(|(name, _)| *name).find(|name| *name == model).unwrap_or("other")
}

fn price_of(model: &str, input_tokens: u64) -> Price {
    // Settings with an unknown model are refused; the dearest price is the safe answer all the same.
    let found = PRICES.iter().find(|(name, _)| *name == model).map_or(PRICES[0].1, |(_, price)| *price);
    if model == "claude-haiku-5-5" && input_tokens > HAIKU_BAND_TOKENS {
        let Price { input, output, cache_write, cache_read } = found;
        price(input * 5.0, output * 5.0, cache_write * 5.0, cache_read * 5.0)
    } else {
        found
    }
}

/// What one answer cost, in US dollars.
#[must_use]
pub fn cost_usd(model: &str, usage: &Usage) -> f64 {
    let price = price_of(model, usage.input_total());
    let millions =
        |tokens: Option<u64>| u32::try_from(tokens.unwrap_or(0)).map_or(f64::INFINITY, f64::from) / 1e6;
    millions(usage.input_tokens) * price.input
        + millions(usage.cache_creation_input_tokens) * price.cache_write
        + millions(usage.cache_read_input_tokens) * price.cache_read
        + millions(usage.output_tokens) * price.output
}

/// What the next answer may cost at most, given how long the conversation is by now: all of it read anew, all of `max_tokens` used.
#[must_use]
pub fn reserve_usd(model: &str, input_tokens: u64, max_tokens: u32) -> f64 {
    let usage = Usage {
        cache_creation_input_tokens: Some(input_tokens),
        output_tokens: Some(u64::from(max_tokens)),
        ..Usage::default()
    };
    cost_usd(model, &usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(model: &str, usage: [u64; 4], expected: f64) {
        let [input, write, read, output] = usage.map(Some);
        let usage = Usage {
            input_tokens: input,
            cache_creation_input_tokens: write,
            cache_read_input_tokens: read,
            output_tokens: output,
        };
        let cost = cost_usd(model, &usage);
        assert!((cost - expected).abs() < 1e-9, "{cost} in place of {expected}");
    }

    #[test]
    fn tokens_cost_what_the_vendor_says() {
        check("claude-opus-5-5", [1_000_000, 0, 0, 0], 4.0);
        check("claude-opus-5-5", [0, 60_000, 300_000, 15_000], 0.30 + 0.06 + 0.30);
        check("claude-haiku-5-5", [100_000, 0, 0, 0], 0.01);
        check("claude-haiku-5-5", [100_001, 0, 0, 1_000_000], 0.050_000_5 + 2.5);
    }
}
