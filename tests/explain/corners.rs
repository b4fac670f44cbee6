//! A model made by hand, whose reasons are known.

use candle_core::{Device, Result as TensorResult, Tensor};
use leap_binder::Result;
use leap_binder::imaging::{ChannelOrder, Colours, ImageSpec, Normalisation};
use leap_binder::model::{Model, Output};

pub(crate) const SIDE: usize = 32;
const CELLS: usize = 8;

/// Reads a grey image in 8 x 8 cells of 4 x 4 pixels. The class `upper` is bright cells in the upper left quarter, `lower`
/// in the lower right one, `neither` is constant. Split points: `cells`, the two detectors' maps `(n, 2, 8, 8)`, and `sums`, `(n, 2)`.
#[derive(Debug)]
pub(crate) struct Corners {
    classes: Vec<String>,
    input: ImageSpec,
    points: Vec<String>,
    /// `(1, 2, 8, 8)`: what each detector looks at.
    pub(crate) detectors: Tensor,
}

impl Corners {
    pub(crate) fn new() -> Self {
        let quarter = |place: usize, upper: bool| {
            let (row, column) = (place / CELLS, place % CELLS);
            f32::from(u8::from(if upper { row < 4 && column < 4 } else { row >= 4 && column >= 4 }))
        };
        let detectors =
            [true, false].into_iter().flat_map(|upper| (0..CELLS * CELLS).map(move |place| quarter(place, upper)));
        Self::with(detectors.collect())
    }

    /// The same architecture with detectors that look here and there.
    pub(crate) fn randomised(seed: u64) -> Self {
        let mut rng = leap_binder::rng::SplitMix64::new(seed);
        Self::with((0..2 * CELLS * CELLS).map(|_| rng.below(1000) as f32 / 1000.0 - 0.5).collect())
    }

    fn with(detectors: Vec<f32>) -> Self {
        Self {
            classes: ["upper", "lower", "neither"].map(str::to_owned).to_vec(),
            input: ImageSpec {
                width: SIDE,
                height: SIDE,
                colours: Colours::Grey,
                channel_order: ChannelOrder::Rgb,
                normalisation: Normalisation::UnitRange,
                resampling: None,
            },
            points: ["cells", "sums"].map(str::to_owned).to_vec(),
            detectors: Tensor::from_vec(detectors, (1, 2, CELLS, CELLS), &Device::Cpu).unwrap(),
        }
    }

    fn cells(&self, xs: &Tensor) -> TensorResult<Tensor> {
        xs.avg_pool2d(SIDE / CELLS)?.broadcast_mul(&self.detectors)
    }

    fn top(sums: &Tensor) -> TensorResult<Output> {
        let scores = (sums.sqr()? * 0.5)?;
        let neither = scores.narrow(1, 0, 1)?.zeros_like()?;
        Ok(Output { logits: Tensor::cat(&[&scores, &(neither + 1.0)?], 1)?, latent: sums.clone() })
    }
}

fn out<T>(result: TensorResult<T>) -> Result<T> {
    Ok(result.unwrap())
}

impl Model for Corners {
    fn name(&self) -> &str {
        "corners"
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn input(&self) -> &ImageSpec {
        &self.input
    }

    fn latent_dim(&self) -> usize {
        2
    }

    fn parameters(&self) -> usize {
        2 * CELLS * CELLS
    }

    fn device(&self) -> &Device {
        &Device::Cpu
    }

    fn split_points(&self) -> &[String] {
        &self.points
    }

    fn forward(&self, xs: &Tensor) -> Result<Output> {
        self.forward_from("cells", &self.forward_to("cells", xs)?)
    }

    fn forward_to(&self, split: &str, xs: &Tensor) -> Result<Tensor> {
        let cells = self.cells(xs);
        out(if split == "cells" { cells } else { cells.and_then(|cells| cells.sum((2, 3))) })
    }

    fn forward_from(&self, split: &str, features: &Tensor) -> Result<Output> {
        out(if split == "cells" { features.sum((2, 3)).and_then(|sums| Self::top(&sums)) } else { Self::top(features) })
    }
}

/// A dark grey image with bright squares of 8 pixels: `(column, row)` of their upper left corners.
pub(crate) fn squares(corners: &[(usize, usize)]) -> Tensor {
    let bright = |row: usize, column: usize| {
        corners.iter().any(|&(left, top)| (left..left + 8).contains(&column) && (top..top + 8).contains(&row))
    };
    let values = (0..SIDE * SIDE).map(|place| if bright(place / SIDE, place % SIDE) { 0.9f32 } else { 0.1 });
    Tensor::from_vec(values.collect::<Vec<_>>(), (1, 1, SIDE, SIDE), &Device::Cpu).unwrap()
}
