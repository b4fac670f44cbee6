//! Numbers and names as they stand in sentences.

/// The longest name that a sentence quotes in full, in characters.
const LONGEST: usize = 60;

/// A name for a sentence: control characters as spaces, and cut where it is long.
pub(crate) fn short(name: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    match name.char_indices().nth(LONGEST) {
        None => name.chars().map(clean).collect(),
        Some((end, _)) => name[..end].chars().map(clean).chain(['…']).collect(),
    }
}

/// A number with three significant digits, or all digits before the point: `1.92`, `0.041`, `71.2`, `5216`.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e9).contains(&size) {
        return format!("{value:.2e}");
    }
    let magnitude = if size > 0.0 { size.log10().floor() as i32 } else { 0 };
    trimmed(format!("{value:.*}", (2 - magnitude).clamp(0, 8) as usize))
}

/// The shortest decimal that parts two numbers: above `low`, and at most `high`.
pub(crate) fn parting(low: f64, high: f64) -> String {
    let middle = f64::midpoint(low, high);
    let written = (0..=12).map(|digits| format!("{middle:.digits$}"));
    let parts = |text: &String| text.parse::<f64>().is_ok_and(|value| low < value && value <= high);
    written.into_iter().find(parts).map_or_else(|| format!("{high:e}"), trimmed)
}

/// Without zeros behind the point that say nothing.
fn trimmed(text: String) -> String {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let written = [1.9234, 0.04149, 71.25, 5216.4, 0.0, -0.26, 2.0, 1e-7, 1e12].map(number);
        assert_eq!(written, ["1.92", "0.0415", "71.2", "5216", "0", "-0.26", "2", "1.00e-7", "1.00e12"]);
    }

    #[test]
    fn partings_part() {
        assert_eq!(parting(71.1, 71.3), "71.2");
        assert_eq!(parting(3.0, 4.0), "4");
        assert_eq!(parting(0.0, 1.0), "0.5");
        assert_eq!(parting(100.0, 180.0), "140");
        assert_eq!(parting(1e-20, 3e-20), "3e-20");
    }

    #[test]
    fn names_are_cut_and_cleaned() {
        assert_eq!(short("a\nb"), "a b");
        assert_eq!(short(&"é".repeat(10_000)).chars().count(), 61);
    }
}
