//! The one way in which this room refuses a number.

use std::fmt::Display;
use std::ops::{Bound, RangeBounds};

use crate::{Error, Result};

/// Passes `value` if it lies in `range`; NaN lies in none.
///
/// # Errors
///
/// [`Error::Config`] that names `option`.
pub(super) fn check<T: PartialOrd + Display>(option: &str, value: T, range: impl RangeBounds<T>) -> Result<()> {
    if range.contains(&value) {
        return Ok(());
    }
    let from = match range.start_bound() {
        Bound::Included(start) => format!("at least {start}"),
        Bound::Excluded(start) => format!("above {start}"),
        Bound::Unbounded => "of any size".to_owned(),
    };
    let to = match range.end_bound() {
        Bound::Included(end) => format!(" and at most {end}"),
        Bound::Excluded(end) => format!(" and below {end}"),
        Bound::Unbounded => String::new(),
    };
    Err(Error::config(option, format!("a number {from}{to}"), value.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_the_range_is() {
        check("x", 1.0, 0.0..=1.0).unwrap();
        let text = |result: Result<()>| result.unwrap_err().to_string();
        assert_eq!(text(check("x", 1.5, 0.0..=1.0)), "option x: expected a number at least 0 and at most 1, found 1.5");
        assert_eq!(text(check("x", 1.0, 0.0..1.0)), "option x: expected a number at least 0 and below 1, found 1");
        assert_eq!(text(check("x", f64::NAN, 0.0..)), "option x: expected a number at least 0, found NaN");
    }
}
