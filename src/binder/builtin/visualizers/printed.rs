//! NumPy's printed form of an array, with its default options: 8 digits after the point, lines of 75 characters, above
//! 1000 values the first and last three along each axis. As NumPy 2.4 prints.

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
    if greatest > 0.0 && (greatest >= large || least < small || ratio > 1000.0) {
        return aligned(with_exponents(values, single));
    }
    let texts: Vec<String> = values.iter().map(|&value| positional(value, single)).collect();
    let fraction = |text: &str| text.split_once('.').map(|(_, fraction)| fraction.len());
    let width = texts.iter().filter_map(|text| fraction(text)).max().unwrap_or_default();
    let padded = texts.into_iter().map(|text| match fraction(&text) {
        Some(length) => text + &" ".repeat(width - length),
        None => text,
    });
    aligned(padded.collect())
}

/// The shortest digits that tell the value, at most eight after the point, which always stands.
fn positional(value: f64, single: bool) -> String {
    if !value.is_finite() {
        return odd(value);
    }
    let shortest = if single { (value as f32).to_string() } else { value.to_string() };
    let digits = shortest.split_once('.').map_or(0, |(_, fraction)| fraction.len()).min(DIGITS);
    // Rounded anew from the exact value: of two shortest texts equally near, NumPy takes the even one.
    match digits {
        0 => shortest + ".",
        _ => format!("{value:.digits$}").trim_end_matches('0').to_owned(),
    }
}

/// All with as many digits as the value that needs most, at most eight after the point: exact ones, not noughts.
fn with_exponents(values: &[f64], single: bool) -> Vec<String> {
    let needed = |&value: &f64| {
        let shortest = if single { format!("{:e}", value as f32) } else { format!("{value:e}") };
        let (digits, _) = parts(&shortest);
        let digits = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        if digits <= DIGITS {
            return digits;
        }
        let cut = format!("{value:.DIGITS$e}");
        parts(&cut).0.trim_end_matches('0').split_once('.').map_or(0, |(_, fraction)| fraction.len())
    };
    let finite = || values.iter().filter(|value| value.is_finite());
    let digits = finite().map(needed).max().unwrap_or_default();
    let width = finite().map(|value| parts(&format!("{value:.digits$e}")).1.abs().to_string().len()).max().unwrap_or(2);
    let text = |&value: &f64| {
        if !value.is_finite() {
            return odd(value);
        }
        let text = format!("{value:.digits$e}");
        let (digits, exponent) = parts(&text);
        let point = if digits.contains('.') { "" } else { "." };
        with_exponent(&format!("{digits}{point}"), exponent, width.max(2))
    };
    values.iter().map(text).collect()
}

/// Rust's text with an exponent in its parts.
pub(super) fn parts(text: &str) -> (&str, i32) {
    let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
    (digits, exponent.parse().unwrap_or_default())
}

fn odd(value: f64) -> String {
    if value.is_nan() { "nan".to_owned() } else { value.to_string() }
}

/// Digits with a power of ten of `width` digits and a sign: `1.5e-05`.
pub(super) fn with_exponent(digits: &str, exponent: i32, width: usize) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:0>width$}", exponent.abs())
}
