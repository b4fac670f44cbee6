use candle_core::{DType, Tensor};

use super::printed;
use crate::contract::{HandlerResult, LeapText};

/// A whole batch as one word: NumPy's printed form, abbreviated above 1000 values.
///
/// # Shapes
/// Any.
///
/// # Errors
/// When the tensor cannot be read.
pub fn raw_data(data: &Tensor) -> HandlerResult<LeapText> {
    Ok(LeapText::new([printed::array(data)?]))
}

/// A word for each entry of the first axis, or of the second where the shape is `(1, words)`.
///
/// The word is the entry as Python prints it, f32 widened to Python's float; where the entry is a list, its first item,
/// so that of a batch `(n, words)` with n above 1 only the first word of each sample is left, as in code_loader.
///
/// # Shapes
/// `data`: `(1, words)`, `(words,)` or `(words, k, ...)`.
///
/// # Errors
/// When the tensor has no axis, or an entry is an empty list.
pub fn text(data: &Tensor) -> HandlerResult<LeapText> {
    Ok(LeapText::new(words(data)?))
}

pub(super) fn words(data: &Tensor) -> HandlerResult<Vec<String>> {
    let data = if let [1, _] = data.dims() { data.squeeze(0)? } else { data.clone() };
    let Some((&count, entry)) = data.dims().split_first() else {
        return Err("a list of words was expected, found a single value".into());
    };
    if entry.first() == Some(&0) && count > 0 {
        return Err(format!("a word in each entry was expected, found shape {:?}", data.dims()).into());
    }
    let texts = value_texts(&data)?;
    let (size, item) = (entry.iter().product::<usize>(), entry.get(1..).unwrap_or_default());
    let item_size: usize = item.iter().product();
    Ok((0..count).map(|place| list(&texts[place * size..place * size + item_size], item)).collect())
}

/// Each value as Python prints it.
fn value_texts(xs: &Tensor) -> HandlerResult<Vec<String>> {
    if xs.dtype().is_int() {
        let values: Vec<i64> = xs.to_dtype(DType::I64)?.flatten_all()?.to_vec1()?;
        return Ok(values.iter().map(ToString::to_string).collect());
    }
    let values: Vec<f64> = xs.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?;
    Ok(values.into_iter().map(float).collect())
}

/// Nested lists as Python prints them.
fn list(texts: &[String], shape: &[usize]) -> String {
    let Some((&length, inner)) = shape.split_first() else { return texts.concat() };
    let size: usize = inner.iter().product();
    let items: Vec<String> = (0..length).map(|place| list(&texts[place * size..(place + 1) * size], inner)).collect();
    format!("[{}]", items.join(", "))
}

/// A float as Python prints it: the shortest digits, with an exponent below 1e-4 and from 1e16.
///
/// Of two shortest texts equally near, Python takes the even one: hence the second rounding, from the exact value.
fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    let size = value.abs();
    let fraction = |digits: &str| digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    if size.is_infinite() {
        return value.to_string();
    }
    if size == 0.0 || (1e-4..1e16).contains(&size) {
        let digits = fraction(&value.to_string()).max(1);
        return format!("{value:.digits$}");
    }
    let shortest = format!("{value:e}");
    let digits = fraction(printed::parts(&shortest).0);
    let text = format!("{value:.digits$e}");
    let (digits, exponent) = printed::parts(&text);
    printed::with_exponent(digits, exponent, 2)
}
