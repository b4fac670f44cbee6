use candle_core::{DType, Device, Tensor};

use super::pictures::{first, floats, numbers};
use super::words;
use crate::contract::{Code, HandlerResult, LeapImageMask, LeapTextMask, Violation};

/// An image under class regions, labelled "0", "1", ... by the mask's last axis.
///
/// A leading axis of 1 is dropped from both. A mask of more than two axes loses the last one: where it is 1, by
/// dropping it, else by taking the class of the greatest score. Other masks hold classes already (and get, as in
/// code_loader, as many labels as they are wide). Mask values wrap at 256.
///
/// # Shapes
/// `mask`: `(1, height, width, classes)` or `(1, height, width, 1)` or `(height, width)`; `image`: `(1, height, width,
/// 1 | 3)`. The leading 1 may be missing.
///
/// # Errors
/// Those of [`LeapImageMask::new`].
pub fn image_mask(mask: &Tensor, image: &Tensor) -> HandlerResult<LeapImageMask> {
    let (mask, image) = (without_batch(mask)?, without_batch(image)?.to_dtype(DType::F32)?);
    Ok(LeapImageMask::new(classes(&mask, 2)?, image, numbers(&mask))?)
}

/// The words of item 0, each with a class, labelled "0", "1", ... by the mask's last axis.
///
/// Words are made as by [`super::text`]. A mask of more than one axis loses the last one, as in [`image_mask`].
///
/// # Shapes
/// `mask`: `(n, words, classes)` or `(n, words, 1)` or `(n, words)`; `text_data`: `(n, words, ...)`.
///
/// # Errors
/// `BND-208` when the mask of item 0 has no or too many axes; when there is no item, and those of [`super::text`].
pub fn text_mask(mask: &Tensor, text_data: &Tensor) -> HandlerResult<LeapTextMask> {
    let mask = first(mask)?;
    let labels = numbers(&mask);
    let classes = classes(&mask, 1)?;
    if classes.rank() != 1 {
        let found = format!("shape {:?} (code_loader: text mask must be of shape 1.)", classes.dims());
        return Err(Violation::new(Code::VisualizerPayload, "LeapTextMask", "a mask of shape (words,)", found).into());
    }
    Ok(LeapTextMask::new(classes.to_vec1()?, words::words(&first(text_data)?)?, labels))
}

fn without_batch(xs: &Tensor) -> candle_core::Result<Tensor> {
    if let [1, ..] = xs.dims() { xs.squeeze(0) } else { Ok(xs.clone()) }
}

/// Classes as u8: scores of more than `rank` axes give the place of the greatest, others are classes already.
fn classes(mask: &Tensor, rank: usize) -> HandlerResult<Tensor> {
    let Some((&scores, shape)) = mask.dims().split_last().filter(|_| mask.rank() > rank) else {
        return as_u8(mask);
    };
    match scores {
        0 => Err(format!("scores of one class at least were expected, found shape {:?}", mask.dims()).into()),
        1 => as_u8(&mask.reshape(shape)?),
        _ => {
            let places: Vec<u8> = floats(mask)?.chunks_exact(scores).map(|scores| greatest(scores) as u8).collect();
            Ok(Tensor::from_vec(places, shape, &Device::Cpu)?)
        }
    }
}

/// The place of the first greatest score; a NaN is greater than all.
fn greatest(scores: &[f32]) -> usize {
    let mut best = 0;
    for (place, score) in scores.iter().enumerate() {
        if scores[best].is_nan() {
            break;
        }
        if score.is_nan() || *score > scores[best] {
            best = place;
        }
    }
    best
}

/// Values truncated, and wrapped at 256.
fn as_u8(xs: &Tensor) -> HandlerResult<Tensor> {
    if xs.dtype().is_int() {
        return Ok(xs.to_dtype(DType::U8)?);
    }
    let values: Vec<u8> = floats(xs)?.into_iter().map(|value| value as i64 as u8).collect();
    Ok(Tensor::from_vec(values, xs.dims(), &Device::Cpu)?)
}
