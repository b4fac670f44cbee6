//! A patch in which nothing is to be seen (Zhong et al., *Random Erasing Data Augmentation*, AAAI 2020).

use std::ops::Range;

use super::draw::Draw;
use super::means;

/// The paper's least height over width of a patch; the largest is one by it.
const LEAST_ASPECT: f64 = 0.3;

/// What is erased.
#[derive(Debug)]
pub(super) struct Patch {
    rows: Range<usize>,
    columns: Range<usize>,
}

impl Patch {
    /// The patch that `draw` gives for the shares `(least, largest)` of an image of this shape. Always inside, one pixel at least.
    pub(super) fn drawn((least, largest): (f32, f32), draw: &Draw, [height, width, _]: [usize; 3]) -> Self {
        let (least, largest) = (f64::from(least), f64::from(largest));
        let share = least + draw.patch_area * (largest - least);
        // Evenly in its logarithm.
        let aspect = LEAST_ASPECT.powf(1.0 - 2.0 * draw.patch_aspect);
        let area = share * height as f64 * width as f64;
        let part = |length: f64, side: usize, place: f64| {
            let length = (length.round() as usize).clamp(1, side);
            let start = ((side - length + 1) as f64 * place) as usize;
            start..start + length
        };
        Self {
            rows: part((area * aspect).sqrt(), height, draw.patch_place[0]),
            columns: part((area / aspect).sqrt(), width, draw.patch_place[1]),
        }
    }
}

/// Sets the patch of an image `(h, w, channels)`, which is not empty, to the mean of each channel.
pub(super) fn patch(values: &mut [f32], [_, width, channels]: [usize; 3], patch: Patch) {
    let means: Vec<f32> = means(values, channels).into_iter().map(|mean| mean as f32).collect();
    for row in values.chunks_exact_mut(width * channels).skip(patch.rows.start).take(patch.rows.len()) {
        for pixel in row.chunks_exact_mut(channels).skip(patch.columns.start).take(patch.columns.len()) {
            pixel.copy_from_slice(&means);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_lie_inside_have_their_area_and_reach_every_corner() {
        let shape = [60, 40, 1];
        let mut corners = [0; 4];
        for seed in 0..20_000 {
            let patch = Patch::drawn((0.02, 0.1), &Draw::new(seed), shape);
            assert!(patch.rows.end <= 60 && patch.columns.end <= 40, "{patch:?}");
            let (height, width) = (patch.rows.len() as f64, patch.columns.len() as f64);
            // Sides are rounded to whole pixels, each by a half at the most.
            assert!((height - 0.5) * (width - 0.5) <= 240.0 && (height + 0.5) * (width + 0.5) >= 48.0, "{patch:?}");
            assert!((height - 0.5) / (width + 0.5) <= 1.0 / 0.3 && (height + 0.5) / (width - 0.5) >= 0.3, "{patch:?}");
            for (corner, (y, x)) in [(0, 0), (0, 39), (59, 0), (59, 39)].into_iter().enumerate() {
                corners[corner] += usize::from(patch.rows.contains(&y) && patch.columns.contains(&x));
            }
        }
        assert!(corners.iter().all(|&count| count > 5), "{corners:?}");
    }

    #[test]
    fn a_patch_has_the_mean_of_each_channel() {
        let mut values = [0.0, 0.25, 0.25, 0.5, 0.75, 0.5, 1.0, 0.75];
        patch(&mut values, [2, 2, 2], Patch { rows: 0..1, columns: 1..2 });
        assert_eq!(values, [0.0, 0.25, 0.5, 0.5, 0.75, 0.5, 1.0, 0.75]);
        patch(&mut values, [2, 2, 2], Patch { rows: 0..2, columns: 0..1 });
        assert_eq!(values, [0.5625, 0.5, 0.5, 0.5, 0.5625, 0.5, 1.0, 0.75]);
    }
}
