//! JSON inside HTML.

use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::{Error, Result};

/// JSON that may stand inside a `script` element: nothing in it can end the element or begin a comment, since `<`, `>`, `&`
/// and the two line separators of Unicode are written as escapes. They occur in JSON inside texts only.
pub(super) fn embedded(value: &impl Serialize) -> Result<String> {
    let json = serde_json::to_string(value).map_err(|error| Error::io("write", "report", io::Error::other(error)))?;
    let mut safe = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => safe.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => safe.push(character),
        }
    }
    Ok(safe)
}

/// Bytes as base64.
pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Bytes as the address of a picture.
pub(super) fn data_uri(mime: &str, bytes: &[u8]) -> String {
    format!("data:{mime};base64,{}", base64(bytes))
}

/// Numbers as base64 of their little-endian bytes, f32; what is missing becomes NaN, what is too large the largest.
pub(super) fn floats(values: impl Iterator<Item = Option<f64>>) -> String {
    let limit = f64::from(f32::MAX);
    let bytes: Vec<u8> = values
        .flat_map(|value| value.map_or(f32::NAN, |value| value.clamp(-limit, limit) as f32).to_le_bytes())
        .collect();
    base64(&bytes)
}

/// Whole numbers as base64 of their little-endian bytes, u16; 65535 for none and for what is larger.
pub(super) fn shorts(values: impl Iterator<Item = Option<usize>>) -> String {
    let short = |value: Option<usize>| value.and_then(|value| u16::try_from(value).ok()).unwrap_or(u16::MAX);
    base64(&values.flat_map(|value| short(value).to_le_bytes()).collect::<Vec<u8>>())
}

/// Whole numbers as base64 of their little-endian bytes, u32; 2^32 - 1 for none.
pub(super) fn longs(values: impl Iterator<Item = Option<usize>>) -> String {
    let long = |value: Option<usize>| value.and_then(|value| u32::try_from(value).ok()).unwrap_or(u32::MAX);
    base64(&values.flat_map(|value| long(value).to_le_bytes()).collect::<Vec<u8>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_the_element_and_reading_gives_the_same() {
        let hostile = "</script><!-- & \u{2028}\u{2029} \"quotes\" \\ \u{0} שלום";
        let safe = embedded(&hostile).unwrap();
        assert!(!safe.contains(['<', '>', '&', '\u{2028}', '\u{2029}']));
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), hostile);
    }

    #[test]
    fn numbers_are_little_endian() {
        assert_eq!(floats([Some(1.0)].into_iter()), base64(&[0, 0, 128, 63]));
        assert_eq!(shorts([Some(258), None, Some(70_000)].into_iter()), base64(&[2, 1, 255, 255, 255, 255]));
        assert_eq!(longs([Some(1), None].into_iter()), base64(&[1, 0, 0, 0, 255, 255, 255, 255]));
    }
}
