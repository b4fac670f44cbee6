//! Which box a detector is surest of.

use candle_core::{DType, Result as TensorResult, Tensor};

use super::detect::{BINS, Detect};
use crate::model::Mode;

/// How many input pixels lie between the anchors of each map.
const STRIDES: [f32; 3] = [8.0, 16.0, 32.0];

/// The box with the highest confidence in an image. No other box suppresses it, so it is what non-maximum suppression
/// would list first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StrongestBox {
    /// Left, top, right, bottom in pixels of the network's input. Not clipped: an edge may lie beyond the image.
    pub xyxy: [f32; 4],
    /// The class: a place among the logits.
    pub class: usize,
    /// The sigmoid of the class's logit, in `[0, 1]`.
    pub confidence: f32,
}

/// Where a logit stands, and what it is.
#[derive(Debug, Clone, Copy)]
struct Place {
    logit: f32,
    class: usize,
    scale: usize,
    row: usize,
    column: usize,
}

/// The strongest box of each image from the neck's maps. Of equal logits the first counts, from the finest map, by class,
/// row and column.
pub(super) fn strongest_boxes(head: &Detect, packed: &Tensor) -> TensorResult<Vec<StrongestBox>> {
    let maps = head.maps(packed)?;
    let classes = head.class_maps(&maps, Mode::Eval)?;
    let boxes = head.box_maps(&maps, Mode::Eval)?;
    let worth = values(&head.bins)?;
    (0..packed.dim(0)?)
        .map(|image| {
            let Some(place) = strongest(&classes, image)? else {
                candle_core::bail!("expected numbers as class logits of image {image}, found NaN")
            };
            // In range: the class maps, in which the place was found, have the box maps' sides.
            let at = boxes[place.scale].narrow(0, image, 1)?.narrow(2, place.row, 1)?.narrow(3, place.column, 1)?;
            Ok(StrongestBox {
                xyxy: decode(&values(&at)?, &worth, place),
                class: place.class,
                confidence: 1.0 / (1.0 + (-place.logit).exp()),
            })
        })
        .collect()
}

fn values(xs: &Tensor) -> TensorResult<Vec<f32>> {
    xs.flatten_all()?.to_dtype(DType::F32)?.to_vec1()
}

/// The largest class logit of an image, or `None` if one is NaN.
fn strongest(classes: &[Tensor], image: usize) -> TensorResult<Option<Place>> {
    let mut best: Option<Place> = None;
    for (scale, map) in classes.iter().enumerate() {
        let (_, _, height, width) = map.dims4()?;
        for (index, logit) in values(&map.narrow(0, image, 1)?)?.into_iter().enumerate() {
            if logit.is_nan() {
                return Ok(None);
            }
            if best.is_none_or(|best| logit > best.logit) {
                let (class, pixel) = (index / (height * width), index % (height * width));
                best = Some(Place { logit, class, scale, row: pixel / width, column: pixel % width });
            }
        }
    }
    Ok(best)
}

/// The box whose distances from its anchor to left, top, right and bottom are the expectations of four distributions.
///
/// `logits` are four times [`BINS`], and the anchor is the middle of the map's pixel.
fn decode(logits: &[f32], worth: &[f32], place: Place) -> [f32; 4] {
    let anchor = [place.column as f32 + 0.5, place.row as f32 + 0.5];
    let mut xyxy = [0.0; 4];
    for (side, (edge, logits)) in xyxy.iter_mut().zip(logits.chunks(BINS)).enumerate() {
        let distance = expectation(logits, worth);
        let from = anchor[side % 2];
        let at = if side < 2 { from - distance } else { from + distance };
        *edge = at * STRIDES[place.scale];
    }
    xyxy
}

/// The mean of `worth` under the softmax of `logits`.
fn expectation(logits: &[f32], worth: &[f32]) -> f32 {
    let most = logits.iter().fold(f32::NEG_INFINITY, |most, &logit| most.max(logit));
    let (mut sum, mut weights) = (0f64, 0f64);
    for (logit, worth) in logits.iter().zip(worth) {
        let weight = f64::from(logit - most).exp();
        sum += weight * f64::from(*worth);
        weights += weight;
    }
    (sum / weights) as f32
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn a_box_is_its_anchor_and_four_distances() {
        let worth: Vec<f32> = (0u8..16).map(f32::from).collect();
        // Each distance lies wholly in one bin: 1, 2, 3 and 15 strides.
        let mut logits = vec![-100f32; 4 * BINS];
        for (side, bin) in [1, 2, 3, 15].into_iter().enumerate() {
            logits[side * BINS + bin] = 100.0;
        }
        let place = Place { logit: 0.0, class: 0, scale: 1, row: 4, column: 7 };
        // The anchor is (7.5, 4.5), the stride 16.
        assert_eq!(decode(&logits, &worth, place), [104.0, 40.0, 168.0, 312.0]);
        // An even distribution: 7.5 strides each way.
        assert_eq!(decode(&[0.0; 4 * BINS], &worth, place), [0.0, -48.0, 240.0, 192.0]);
    }

    #[test]
    fn the_first_of_the_largest_logits_is_taken() {
        let map = |values: &[f32], h, w| Tensor::from_slice(values, (2, 2, h, w), &Device::Cpu).unwrap();
        let fine = map(&[0., 1., 2., 3., 4., 5., 6., 7., 0., 0., 0., 0., 0., 0., 0., 0.], 2, 2);
        let coarse = map(&[7., 7., 0., 8.], 1, 1);
        let maps = [fine, coarse];
        let first = strongest(&maps, 0).unwrap().unwrap();
        assert_eq!((first.logit, first.scale, first.class, first.row, first.column), (7.0, 0, 1, 1, 1));
        let second = strongest(&maps, 1).unwrap().unwrap();
        assert_eq!((second.logit, second.scale, second.class, second.row, second.column), (8.0, 1, 1, 0, 0));
        let nan = [map(&[0., 0., f32::NAN, 0.], 1, 1)];
        assert!(strongest(&nan, 0).unwrap().is_some() && strongest(&nan, 1).unwrap().is_none());
    }
}
