use candle_core::Tensor;

use super::{Batch, numbers};
use crate::imaging::ImageSpec;
use crate::{Error, Result};

/// An image that is taken to say nothing: where integrated gradients begin, and what covers pixels.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Baseline {
    /// Grey level 0 everywhere.
    Black,
    /// The image's own mean, channel by channel.
    Mean,
    /// The image under a Gaussian blur; at the edges the last pixel is repeated.
    Blurred {
        /// The standard deviation as a share of the longer side, above 0 and up to 1.
        sigma: f32,
    },
    /// Prepared as the model's input: `(c, h, w)` for all images, or `(n, c, h, w)` with one for each.
    Given(Tensor),
}

impl Baseline {
    /// A blur that leaves no detail: a standard deviation of a twentieth of the longer side.
    pub const fn blurred() -> Self {
        Self::Blurred { sigma: 0.05 }
    }

    /// The baseline of each image: values `(c, h, w)`.
    pub(super) fn of_batch(&self, batch: &Batch, spec: &ImageSpec) -> Result<Vec<Vec<f32>>> {
        if let Self::Given(given) = self {
            return Self::given(given, batch);
        }
        if let Self::Blurred { sigma } = self
            && !(*sigma > 0.0 && *sigma <= 1.0)
        {
            return Err(Error::config("sigma", "above 0 and up to 1", sigma.to_string()));
        }
        (0..batch.n).map(|image| Ok(self.of_image(&batch.values(image)?, spec))).collect()
    }

    fn of_image(&self, values: &[f32], spec: &ImageSpec) -> Vec<f32> {
        let places = spec.width * spec.height;
        let (mean, std) = spec.mean_std();
        let planes = values.chunks_exact(places).enumerate();
        planes
            .flat_map(|(channel, plane)| match self {
                Self::Black => vec![(0.0 - mean[channel.min(2)]) / std[channel.min(2)]; places],
                Self::Blurred { sigma } => {
                    blur(plane, spec.width, f64::from(*sigma) * spec.width.max(spec.height) as f64)
                }
                Self::Mean | Self::Given(_) => {
                    let sum: f64 = plane.iter().map(|&value| f64::from(value)).sum();
                    vec![(sum / places as f64) as f32; places]
                }
            })
            .collect()
    }

    fn given(given: &Tensor, batch: &Batch) -> Result<Vec<Vec<f32>>> {
        let shape = batch.xs.dims();
        let values = numbers(given)?;
        let row = shape[1..].iter().product();
        let rows: Vec<Vec<f32>> = match given.dims() {
            dims if dims == &shape[1..] => vec![values.clone(); batch.n],
            dims if dims == shape => values.chunks_exact(row).map(<[f32]>::to_vec).collect(),
            dims => {
                let expected = format!("a baseline {:?} or {shape:?}", &shape[1..]);
                return Err(Error::argument("explain", expected, format!("{dims:?}")));
            }
        };
        match values.iter().position(|value| !value.is_finite()) {
            None => Ok(rows),
            Some(place) => {
                Err(Error::argument("explain", "a finite baseline", format!("{} at {place}", values[place])))
            }
        }
    }
}

/// `plane`, row by row, under a Gaussian of standard deviation `sigma` pixels, cut off at three of them.
fn blur(plane: &[f32], width: usize, sigma: f64) -> Vec<f32> {
    let height = plane.len() / width;
    let radius = (3.0 * sigma).ceil() as isize;
    let kernel: Vec<f64> = (-radius..=radius).map(|d| (-0.5 * (d as f64 / sigma).powi(2)).exp()).collect();
    let sum: f64 = kernel.iter().sum();
    let along = |place: usize, side: usize, at: &dyn Fn(usize) -> f64| {
        let taps = kernel.iter().zip(-radius..=radius);
        let total: f64 = taps.map(|(k, d)| k * at((place as isize + d).clamp(0, side as isize - 1) as usize)).sum();
        total / sum
    };
    let across: Vec<f64> = (0..plane.len())
        .map(|place| {
            let (row, column) = (place / width, place % width);
            along(column, width, &|column| f64::from(plane[row * width + column]))
        })
        .collect();
    (0..plane.len())
        .map(|place| {
            let (row, column) = (place / width, place % width);
            along(row, height, &|row| across[row * width + column]) as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blur_keeps_even_planes_and_spreads_a_point_evenly() {
        assert!(blur(&[0.25; 35], 7, 2.0).iter().all(|value| (value - 0.25).abs() < 1e-7));
        let mut point = [0f32; 31 * 31];
        point[15 * 31 + 15] = 1.0;
        let spread = blur(&point, 31, 3.0);
        assert!((spread.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        // The height of a Gaussian in two dimensions.
        assert!((spread[15 * 31 + 15] - 1.0 / (2.0 * std::f32::consts::PI * 9.0)).abs() < 1e-4);
        assert_eq!(spread[15 * 31 + 10], spread[10 * 31 + 15]);
        assert_eq!(spread[15 * 31 + 10], spread[15 * 31 + 20]);
    }
}
