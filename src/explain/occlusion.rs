//! Occlusion: what a covered window costs.

use super::goal::Goal;
use super::{Baseline, Batch, FORWARD_ROWS, Heat};
use crate::model::Model;
use crate::{Error, Result};

/// A part of the image: columns and rows.
type Window = (std::ops::Range<usize>, std::ops::Range<usize>);

pub(super) fn maps(
    batch: &Batch,
    model: &dyn Model,
    goal: &Goal<'_>,
    (window, stride): (usize, usize),
    fill: &Baseline,
) -> Result<Vec<Heat>> {
    let spec = model.input();
    let (width, height) = (spec.width, spec.height);
    if window == 0 || window > width.min(height) {
        return Err(Error::config("window", format!("1 to {} pixels", width.min(height)), window.to_string()));
    }
    if stride == 0 || stride > window {
        return Err(Error::config("stride", format!("1 to the window's {window} pixels"), stride.to_string()));
    }
    let columns = spans(width, window, stride);
    let windows: Vec<Window> = spans(height, window, stride)
        .flat_map(|rows| columns.clone().map(move |columns| (columns, rows.clone())))
        .collect();
    let fills = fill.of_batch(batch, spec)?;
    let mut maps = Vec::with_capacity(batch.n);
    for (image, fill) in fills.iter().enumerate() {
        let plain = batch.values(image)?;
        let [whole] = goal.values(&model.forward(&batch.image(image)?)?, &[image])?[..] else {
            return Err(Error::argument("explain", "one value for one image", "another number"));
        };
        let (mut heat, mut covers) = (vec![0f64; width * height], vec![0f64; width * height]);
        for part in windows.chunks(FORWARD_ROWS) {
            let rows = part.iter().flat_map(|window| covered(&plain, fill, window, (width, height))).collect();
            let output = model.forward(&batch.of_rows(rows)?)?;
            let values = goal.values(&output, &vec![image; part.len()])?;
            for ((columns, rows), value) in part.iter().zip(values) {
                for row in rows.clone() {
                    for place in (row * width + columns.start)..(row * width + columns.end) {
                        heat[place] += whole - value;
                        covers[place] += 1.0;
                    }
                }
            }
        }
        maps.push(Heat {
            width,
            height,
            values: heat.iter().zip(covers).map(|(heat, covers)| (heat / covers) as f32).collect(),
            signed: true,
            split: None,
            completeness_error: None,
        });
    }
    Ok(maps)
}

/// Windows along a side, from its start to the first that reaches its end.
fn spans(side: usize, window: usize, stride: usize) -> impl Iterator<Item = std::ops::Range<usize>> + Clone {
    let count = (side - window).div_ceil(stride) + 1;
    (0..count).map(move |place| place * stride..side.min(place * stride + window))
}

/// `plain` `(c, h, w)` with the window's pixels taken from `fill`.
fn covered(plain: &[f32], fill: &[f32], (columns, rows): &Window, (width, height): (usize, usize)) -> Vec<f32> {
    let mut values = plain.to_vec();
    for (values, fill) in values.chunks_exact_mut(width * height).zip(fill.chunks_exact(width * height)) {
        for row in rows.clone() {
            let line = row * width + columns.start..row * width + columns.end;
            values[line.clone()].copy_from_slice(&fill[line]);
        }
    }
    values
}

#[cfg(test)]
mod tests {
    #[test]
    fn windows_cover_the_side() {
        let spans = |side, window, stride| super::spans(side, window, stride).collect::<Vec<_>>();
        assert_eq!(spans(10, 4, 3), [0..4, 3..7, 6..10]);
        assert_eq!(spans(10, 4, 4), [0..4, 4..8, 8..10]);
        assert_eq!((spans(4, 4, 1).len(), spans(4, 4, 1)[0].clone()), (1, 0..4));
    }
}
