//! NumPy's printed form of an array, with its default options: 8 digits after the point, lines of 75 characters, above 1000
//! values the first and last three along each axis. As NumPy 2.4 prints.

use candle_core::{DType, Tensor};

use crate::contract::HandlerResult;

const DIGITS: usize = 8;
const WIDTH: usize = 75;
const MOST: usize = 1000;
const EDGE: usize = 3;

/// The printed form of a tensor; dtypes narrower than f32 print as f32 does.
pub(super) fn array(xs: &Tensor) -> HandlerResult<String> {
    if xs.elem_count() == 0 {
        return Ok("[]".to_owned());
    }
    let shape = xs.dims();
    let abbreviated = xs.elem_count() > MOST;
    let mut shown = Vec::new();
    visible(shape, 0, abbreviated, &mut shown);
    let cells = if xs.dtype().is_int() {
        let values: Vec<i64> = xs.to_dtype(DType::I64)?.flatten_all()?.to_vec1()?;
        aligned(shown.iter().map(|&place| values[place].to_string()).collect())
    } else {
        let values: Vec<f64> = xs.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?;
        let shown: Vec<f64> = shown.iter().map(|&place| values[place]).collect();
        reals(&shown, xs.dtype() != DType::F64)
    };
    let mut cells = cells.into_iter();
    if shape.is_empty() {
        return Ok(cells.next().unwrap_or_default());
    }
    Ok(nested(shape, " ", WIDTH, abbreviated, &mut cells))
}

/// The flat places that are printed, in order.
fn visible(shape: &[usize], place: usize, abbreviated: bool, shown: &mut Vec<usize>) {
    let Some((&length, inner)) = shape.split_first() else { return shown.push(place) };
    let size: usize = inner.iter().product();
    for index in (0..length).filter(|&index| !(abbreviated && hidden(length, index))) {
        visible(inner, place + index * size, abbreviated, shown);
    }
}

fn hidden(length: usize, index: usize) -> bool {
    index >= EDGE && index + EDGE < length
}

/// One axis in brackets. `indent` is what its further lines begin with, `width` what its lines may fill.
fn nested(
    shape: &[usize],
    indent: &str,
    width: usize,
    abbreviated: bool,
    cells: &mut impl Iterator<Item = String>,
) -> String {
    let Some((&length, inner)) = shape.split_first() else { return cells.next().unwrap_or_default() };
    let inner_indent = format!("{indent} ");
    let mut items = Vec::new();
    for index in 0..length {
        if !(abbreviated && hidden(length, index)) {
            items.push(nested(inner, &inner_indent, width - 1, abbreviated, &mut *cells));
        } else if index == EDGE {
            items.push("...".to_owned());
        }
    }
    if !inner.is_empty() {
        return format!("[{}]", items.join(&format!("{}{indent}", "\n".repeat(inner.len()))));
    }
    let (mut text, mut line) = (String::new(), indent.to_owned());
    for (index, item) in items.iter().enumerate() {
        // One character is kept for the closing bracket. Wrapping an empty line would not help.
        if line.len() + item.len() > width - 1 && line.len() > indent.len() {
            text.push_str(line.trim_end());
            text.push('\n');
            line = indent.to_owned();
        }
        line.push_str(item);
        if index + 1 < items.len() {
            line.push(' ');
        }
    }
    text.push_str(&line);
    format!("[{}]", &text[indent.len()..])
}

fn aligned(texts: Vec<String>) -> Vec<String> {
    let width = texts.iter().map(String::len).max().unwrap_or_default();
    texts.into_iter().map(|text| format!("{text:>width$}")).collect()
}

/// Floats in columns, point under point; all with exponents where sizes are too large, too small or too far apart.
///
/// `single` says that the values were f32, whose shortest digits are fewer.
fn reals(values: &[f64], single: bool) -> Vec<String> {
    let sizes = values.iter().map(|value| value.abs()).filter(|size| size.is_finite() && *size > 0.0);
    let (least, greatest) = sizes.fold((f64::INFINITY, 0.0), |(low, high), size| (size.min(low), size.max(high)));
    // In f32 the limits and the ratio are f32 as well.
    let (large, small, ratio) = match single {
        true => (1e6, f64::from(1e-4f32), f64::from(greatest as f32 / least as f32)),
        false => (1e8, 1e-4, greatest / least),
    };
    let exponents = greatest > 0.0 && (greatest >= large || least < small || ratio > 1000.0);
    let parts = values.iter().map(|&value| match value.is_finite() {
        true if exponents => scientific(value, single),
        true => positional(value, single),
        false => Parts { whole: odd(value), fraction: None, exponent: 0 },
    });
    let parts: Vec<Parts> = parts.collect();
    let fractions = parts.iter().filter_map(|part| part.fraction.as_ref());
    let fraction_width = fractions.map(String::len).max().unwrap_or_default();
    let exponent_width = parts.iter().map(|part| part.exponent.abs().to_string().len()).max().unwrap_or(2).max(2);
    let texts = parts.into_iter().map(|Parts { whole, fraction, exponent }| match fraction {
        None => whole,
        Some(fraction) if exponents => {
            with_exponent(&format!("{whole}.{fraction:0<fraction_width$}"), exponent, exponent_width)
        }
        Some(fraction) => format!("{whole}.{fraction:<fraction_width$}"),
    });
    aligned(texts.collect())
}

/// A number's text: what stands before the point, after it (none where there is no point), and the power of ten.
struct Parts {
    whole: String,
    fraction: Option<String>,
    exponent: i32,
}

fn odd(value: f64) -> String {
    if value.is_nan() { "nan".to_owned() } else { value.to_string() }
}

/// The shortest digits that tell the value, cut to eight after the point.
fn positional(value: f64, single: bool) -> Parts {
    let shortest = if single { (value as f32).to_string() } else { value.to_string() };
    split(&shortest, || format!("{value:.DIGITS$}"), 0)
}

fn scientific(value: f64, single: bool) -> Parts {
    let parse = |text: &str| -> (String, i32) {
        let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
        (digits.to_owned(), exponent.parse().unwrap_or_default())
    };
    let (shortest, exponent) = parse(&if single { format!("{:e}", value as f32) } else { format!("{value:e}") });
    let (cut, cut_exponent) = parse(&format!("{value:.DIGITS$e}"));
    let digits = shortest.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    split(&shortest, || cut, if digits > DIGITS { cut_exponent } else { exponent })
}

fn split(shortest: &str, cut: impl FnOnce() -> String, exponent: i32) -> Parts {
    let (whole, fraction) = shortest.split_once('.').unwrap_or((shortest, ""));
    if fraction.len() <= DIGITS {
        return Parts { whole: whole.to_owned(), fraction: Some(fraction.to_owned()), exponent };
    }
    let cut = cut();
    let (whole, fraction) = cut.split_once('.').unwrap_or((&cut, ""));
    Parts { whole: whole.to_owned(), fraction: Some(fraction.trim_end_matches('0').to_owned()), exponent }
}

/// Digits with a power of ten of `width` digits and a sign: `1.5e-05`.
pub(super) fn with_exponent(digits: &str, exponent: i32, width: usize) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:0>width$}", exponent.abs())
}
