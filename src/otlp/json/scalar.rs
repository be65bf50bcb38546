//! Numbers and truth values as JSON spells them.
//!
//! They are read from their text: 64 bits don't survive a way through `f64`, and `serde_json` is a unit in the last place
//! off with some fractions.

use super::output::Wire;
use crate::proto::logs::v1::SeverityNumber;

/// The type of a field that is one number on the wire.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scalar {
    Bool,
    Double,
    Int64,
    Int32,
    Severity,
    Uint32,
    Fixed32,
    Fixed64,
}

impl Scalar {
    /// Reads a JSON value, in quotes or without; `None` where it does not fit.
    pub(super) fn read(self, json: &str) -> Option<Wire> {
        // A number that hides behind escapes is none.
        let text = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or(json);
        Some(match self {
            Self::Bool => Wire::Varint(text.parse::<bool>().ok()?.into()),
            Self::Double => Wire::Fixed64(double(text)?.to_bits()),
            Self::Int64 => Wire::Varint(integer::<i64>(text)?.cast_unsigned()),
            Self::Int32 => Wire::Varint(i64::from(integer::<i32>(text)?).cast_unsigned()),
            Self::Severity => Wire::Varint(i64::from(severity(text)?).cast_unsigned()),
            Self::Uint32 => Wire::Varint(integer::<u32>(text)?.into()),
            Self::Fixed32 => Wire::Fixed32(integer(text)?),
            Self::Fixed64 => Wire::Fixed64(integer(text)?),
        })
    }
}

/// A whole number; `1e3` and `1.0` are whole.
fn integer<N: TryFrom<i128>>(text: &str) -> Option<N> {
    let number = text.parse().ok().or_else(|| whole(text.parse().ok()?))?;
    N::try_from(number).ok()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "no fraction is left, and what is too large fits no field"
)]
fn whole(number: f64) -> Option<i128> {
    (number.fract() == 0.0).then_some(number as i128)
}

/// A number; only proto3's own names stand for what is not finite.
fn double(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ => text.parse().ok().filter(|number: &f64| number.is_finite()),
    }
}

/// A severity's number, or its name in any case: `SEVERITY_NUMBER_ERROR` or `ERROR`.
fn severity(text: &str) -> Option<i32> {
    integer(text).or_else(|| {
        let name = text.to_ascii_uppercase();
        let name = name.strip_prefix("SEVERITY_NUMBER_").unwrap_or(&name);
        SeverityNumber::from_str_name(&format!("SEVERITY_NUMBER_{name}")).map(i32::from)
    })
}
