use candle_core::{DType, Device, Tensor};

use crate::contract::{HandlerResult, LeapGraph, LeapHorizontalBar, LeapImage, LeapVideo};

/// Item 0 of a batch as an image, its values rescaled by [`rescale`].
///
/// # Shapes
/// `data`: `(n, height, width, 1 | 3)`, any dtype.
///
/// # Errors
/// When there is no item or no pixel, and those of [`LeapImage::new`].
pub fn image(data: &Tensor) -> HandlerResult<LeapImage> {
    Ok(LeapImage::new(rescale(&first(data)?)?)?)
}

/// Item 0 of a batch as a video, unchanged.
///
/// # Shapes
/// `data`: `(n, time, height, width, 1 | 3)`, u8 or f32.
///
/// # Errors
/// When there is no item, and those of [`LeapVideo::new`].
pub fn video(data: &Tensor) -> HandlerResult<LeapVideo> {
    Ok(LeapVideo::new(first(data)?)?)
}

/// Item 0 of a batch as lines, unchanged.
///
/// # Shapes
/// `data`: `(n, points, lines)`, f32.
///
/// # Errors
/// When there is no item, and those of [`LeapGraph::new`].
pub fn graph(data: &Tensor) -> HandlerResult<LeapGraph> {
    Ok(LeapGraph::new(first(data)?)?)
}

/// Item 0 of a batch as bars labelled "0", "1", ...
///
/// # Shapes
/// `data`: `(n, bars)`, f32.
///
/// # Errors
/// When there is no item, and those of [`LeapHorizontalBar::from_tensor`].
pub fn horizontal_bar(data: &Tensor) -> HandlerResult<LeapHorizontalBar> {
    Ok(LeapHorizontalBar::from_tensor(&first(data)?, numbers(data))?)
}

/// Rescales values to u8 by the least and the greatest: `255 * (x - min) / (max - min + 1e-5)`, truncated.
///
/// Each step is taken in f32. The small constant makes a constant image 0 and the greatest value of an ordinary image
/// 254; it is lost, and the greatest value 255, where the range is above 256. Where a value is NaN, all become 0.
///
/// # Shapes
/// Any; the result has the same.
///
/// # Errors
/// When there is no value.
pub fn rescale(xs: &Tensor) -> HandlerResult<Tensor> {
    let mut values = floats(xs)?;
    let least = extreme(&values, f32::min).ok_or("a tensor with values was expected, found an empty one")?;
    values.iter_mut().for_each(|value| *value -= least);
    let greatest = extreme(&values, f32::max).unwrap_or_default();
    let span = greatest - extreme(&values, f32::min).unwrap_or_default() + 1e-5;
    let levels: Vec<u8> = values.iter().map(|value| (value / span * 255.0) as u8).collect();
    Ok(Tensor::from_vec(levels, xs.dims(), &Device::Cpu)?)
}

/// The least or greatest value, NaN where there is one, as NumPy has it.
fn extreme(values: &[f32], better: fn(f32, f32) -> f32) -> Option<f32> {
    values.iter().copied().reduce(|a, b| if a.is_nan() || b.is_nan() { f32::NAN } else { better(a, b) })
}

/// Item 0 of a batch.
pub(super) fn first(xs: &Tensor) -> HandlerResult<Tensor> {
    match xs.dims() {
        [] | [0, ..] => Err(format!("a batch of one sample at least was expected, found shape {:?}", xs.dims()).into()),
        _ => Ok(xs.get(0)?),
    }
}

/// A number for each entry of the last axis, as text.
pub(super) fn numbers(xs: &Tensor) -> impl Iterator<Item = String> {
    (0..xs.dims().last().copied().unwrap_or_default()).map(|number| number.to_string())
}

/// All values in row-major order.
pub(super) fn floats(xs: &Tensor) -> HandlerResult<Vec<f32>> {
    Ok(xs.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
}
