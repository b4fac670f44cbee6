//! One affine map of an image about its centre.

use super::Augmentation;
use super::draw::Draw;

/// Where each pixel's value comes from. Coordinates are `(x, y)` in pixels, from the middle of the image.
#[derive(Debug, PartialEq)]
pub(super) struct Warp {
    /// From a place in the result to one in the source, after the shift was taken off.
    matrix: [[f64; 2]; 2],
    /// How far the image is moved.
    shift: [f64; 2],
}

impl Warp {
    /// The image is first mirrored, then made `zoom[0]` times as wide and `zoom[1]` times as high, then turned by `degrees` (from x
    /// towards y), then moved by `shift` pixels.
    fn new(degrees: f64, zoom: [f64; 2], mirrored: bool, shift: [f64; 2]) -> Self {
        let (sin, cos) = degrees.to_radians().sin_cos();
        let across = if mirrored { -1.0 / zoom[0] } else { 1.0 / zoom[0] };
        let down = 1.0 / zoom[1];
        Self { matrix: [[across * cos, across * sin], [-down * sin, down * cos]], shift }
    }

    /// The map that `limits` and `draw` give for an image of this shape.
    pub(super) fn drawn(limits: &Augmentation, draw: &Draw, [height, width, _]: [usize; 3]) -> Self {
        let scale = 1.0 + draw.zoom * f64::from(limits.scale);
        let aspect = (1.0 + f64::from(limits.aspect)).powf(draw.stretch).sqrt();
        let shift = f64::from(limits.shift);
        Self::new(
            draw.turn * f64::from(limits.rotation),
            [scale * aspect, scale / aspect],
            draw.mirrored < limits.flip,
            [draw.shift[0] * shift * width as f64, draw.shift[1] * shift * height as f64],
        )
    }

    fn is_identity(&self) -> bool {
        self.matrix == [[1.0, 0.0], [0.0, 1.0]] && self.shift == [0.0, 0.0]
    }

    /// Samples `values` `(h, w, channels)`, which are not empty, anew.
    pub(super) fn apply(&self, values: &mut [f32], [height, width, channels]: [usize; 3]) {
        if self.is_identity() {
            return;
        }
        let sides = [height, width];
        match channels {
            1 => self.sample::<1>(values, sides),
            3 => self.sample::<3>(values, sides),
            _ => {
                for channel in 0..channels {
                    let mut plane: Vec<f32> = values.iter().skip(channel).step_by(channels).copied().collect();
                    self.sample::<1>(&mut plane, sides);
                    values.iter_mut().skip(channel).step_by(channels).zip(plane).for_each(|(to, from)| *to = from);
                }
            }
        }
        // A mean of values may be rounded to above the largest of them.
        values.iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
    }

    /// The same with the number of channels known to the compiler, but for the range.
    fn sample<const CHANNELS: usize>(&self, values: &mut [f32], [height, width]: [usize; 2]) {
        let source = values.to_vec();
        let (source, _) = source.as_chunks::<CHANNELS>();
        let (target, _) = values.as_chunks_mut::<CHANNELS>();
        let last = [width, height].map(|side| (side - 1) as f64);
        let middle = last.map(|last| last / 2.0);
        let [[xx, xy], [yx, yy]] = self.matrix;
        for (row, target) in target.chunks_exact_mut(width).enumerate() {
            let y = row as f64 - middle[1] - self.shift[1];
            for (column, target) in target.iter_mut().enumerate() {
                let x = column as f64 - middle[0] - self.shift[0];
                let from_x = (xx * x + xy * y + middle[0]).clamp(0.0, last[0]);
                let from_y = (yx * x + yy * y + middle[1]).clamp(0.0, last[1]);
                let (left, top) = (from_x as u32 as usize, from_y as u32 as usize);
                let (right, below) = ((left + 1).min(width - 1), (top + 1).min(height - 1));
                let (across, down) = ((from_x - left as f64) as f32, (from_y - top as f64) as f32);
                let (a, b) = (&source[top * width + left], &source[top * width + right]);
                let (c, d) = (&source[below * width + left], &source[below * width + right]);
                *target = std::array::from_fn(|channel| {
                    let above = a[channel] + across * (b[channel] - a[channel]);
                    let under = c[channel] + across * (d[channel] - c[channel]);
                    above + down * (under - above)
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Golden {
        runs: Vec<Run>,
    }

    #[derive(Deserialize)]
    struct Run {
        shape: [usize; 3],
        degrees: f64,
        zoom: [f64; 2],
        mirrored: bool,
        shift: [f64; 2],
        values: Vec<f32>,
    }

    /// The picture of `make_augment.py`.
    fn picture([height, width, channels]: [usize; 3]) -> Vec<f32> {
        let size = height * width * channels;
        let places = (0..size).map(|at| (at / (width * channels), at / channels % width, at % channels));
        let value =
            |y: f64, x: f64, c: f64| 0.5 + 0.5 * (0.9 * x + 0.4 * c).sin() * (0.7 * y - 0.3 * c + 0.2 * x).cos();
        places.map(|(y, x, c)| value(y as f64, x as f64, c as f64) as f32).collect()
    }

    #[test]
    fn samples_are_scipys() {
        let golden: Golden = serde_json::from_str(include_str!("../../../tests/fixtures/train/warp.json")).unwrap();
        assert!(golden.runs.len() >= 6);
        for run in golden.runs {
            let mut values = picture(run.shape);
            Warp::new(run.degrees, run.zoom, run.mirrored, run.shift).apply(&mut values, run.shape);
            for (at, (found, expected)) in values.iter().zip(&run.values).enumerate() {
                let place = (run.shape, run.degrees, run.mirrored, at);
                assert!((found - expected).abs() < 2e-6, "{place:?}: {found}, not {expected}");
            }
        }
    }

    #[test]
    fn a_quarter_turn_and_a_move_by_whole_pixels_only_move_values() {
        let values: Vec<f32> = (0u8..9).map(|at| f32::from(at) / 8.0).collect();
        let mut turned = values.clone();
        Warp::new(90.0, [1.0, 1.0], false, [0.0, 0.0]).apply(&mut turned, [3, 3, 1]);
        let expected = [6, 3, 0, 7, 4, 1, 8, 5, 2].map(|at: usize| values[at]);
        assert!(turned.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{turned:?}");
        let mut moved = values.clone();
        Warp::new(0.0, [1.0, 1.0], false, [1.0, -1.0]).apply(&mut moved, [3, 3, 1]);
        // One to the right and one up; what comes in is the edge.
        assert_eq!(moved, [3, 3, 4, 6, 6, 7, 6, 6, 7].map(|at: usize| values[at]));
    }
}
