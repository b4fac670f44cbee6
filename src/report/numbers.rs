//! Numbers and texts as the page writes them.

use crate::metrics::Estimate;

/// Texts longer than this many characters are cut everywhere on the page.
pub(super) const LONGEST_TEXT: usize = 300;

/// Four significant digits, without trailing zeros; a dash for what is not finite.
pub(super) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let exponent = value.abs().log10().floor();
    if !(-4.0..7.0).contains(&exponent) {
        return format!("{value:.3e}");
    }
    let text = format!("{value:.*}", (3.0 - exponent).clamp(0.0, 7.0) as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// As [`number`]; a dash for nothing.
pub(super) fn maybe(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), number)
}

/// Three decimals.
pub(super) fn three(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"))
}

/// A p-value.
pub(super) fn p_value(p: f64) -> String {
    match p {
        p if !p.is_finite() => "–".to_owned(),
        p if p < 0.001 => "< 0.001".to_owned(),
        p => format!("{p:.3}"),
    }
}

/// A share as a percentage without decimals.
pub(super) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.0} %", 100.0 * share) } else { "–".to_owned() }
}

/// A share in [0, 1] as a place in [0, 100], to a tenth; 0 for what is not finite.
pub(super) fn place(share: f64) -> f64 {
    if share.is_finite() { (1000.0 * share.clamp(0.0, 1.0)).round() / 10.0 } else { 0.0 }
}

/// The interval of an estimate, empty if it has none.
pub(super) fn interval(estimate: &Estimate) -> String {
    estimate.low.zip(estimate.high).map_or_else(String::new, |(low, high)| format!("{low:.3} – {high:.3}"))
}

/// The text, cut after `longest` characters.
pub(super) fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// A count with its noun, for example `1 sample`, `12,000 samples`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    format!("{} {noun}{}", thousands(count), if count == 1 { "" } else { "s" })
}

/// A whole number with commas between thousands.
pub(super) fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits() {
        let cases =
            [(0.0, "0"), (1.0, "1"), (0.123_456, "0.1235"), (-12.5, "-12.5"), (123_456.0, "123456"), (0.2, "0.2")];
        for (value, expected) in cases {
            assert_eq!(number(value), expected);
        }
        assert_eq!(number(f64::NAN), "–");
        assert_eq!(number(1.0e-9), "1.000e-9");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(counted(1, "sample"), "1 sample");
        assert_eq!(cut("äöü", 2), "äö…");
    }
}
