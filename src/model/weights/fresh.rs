//! First values of tensors that no file holds.

use candle_core::{DType, Device, Result, Shape, Tensor};
use candle_nn::Init;
use candle_nn::init::NormalOrUniform;

use crate::rng::SplitMix64;

/// The tensor `name`, drawn as candle's layers ask for it, but from the crate's own generator: equal seeds, names and shapes
/// give equal values on every machine, whatever else is drawn.
pub(super) fn fresh(seed: u64, name: &str, shape: &Shape, init: Init, dtype: DType, device: &Device) -> Result<Tensor> {
    let mut rng = SplitMix64::named(seed, name);
    let mut even = move || ((rng.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
    let count = shape.elem_count();
    // Box and Muller's pairs, of which each draw here uses one half.
    let mut normal = {
        let mut even = even.clone();
        move || (-2.0 * even().ln()).sqrt() * (std::f64::consts::TAU * even()).cos()
    };
    let values: Vec<f32> = match init {
        Init::Const(value) => vec![value as f32; count],
        Init::Uniform { lo, up } => (0..count).map(|_| (lo + (up - lo) * even()) as f32).collect(),
        Init::Randn { mean, stdev } => (0..count).map(|_| (mean + stdev * normal()) as f32).collect(),
        Init::Kaiming { dist, fan, non_linearity } => {
            let deviation = non_linearity.gain() / (fan.for_shape(shape) as f64).sqrt();
            let bound = 3f64.sqrt() * deviation;
            match dist {
                NormalOrUniform::Uniform => (0..count).map(|_| (bound * (2.0 * even() - 1.0)) as f32).collect(),
                NormalOrUniform::Normal => (0..count).map(|_| (deviation * normal()) as f32).collect(),
            }
        }
    };
    Tensor::from_vec(values, shape, device)?.to_dtype(dtype)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(seed: u64, name: &str, init: Init) -> Vec<f32> {
        let shape = Shape::from((100, 50));
        fresh(seed, name, &shape, init, DType::F32, &Device::Cpu).unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    fn moments(values: &[f32]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        (mean, (values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n).sqrt())
    }

    #[test]
    fn draws_have_the_moments_that_are_asked_for() {
        for (init, deviation) in [
            (Init::Randn { mean: 0.0, stdev: 0.5 }, 0.5),
            (Init::Uniform { lo: -1.0, up: 1.0 }, 1.0 / 3f64.sqrt()),
            (candle_nn::init::DEFAULT_KAIMING_NORMAL, (2.0 / 50f64).sqrt()),
            (candle_nn::init::DEFAULT_KAIMING_UNIFORM, (2.0 / 50f64).sqrt()),
        ] {
            let (mean, found) = moments(&draw(3, "a", init));
            assert!(mean.abs() < 0.05 * deviation, "{init:?}: mean {mean}");
            assert!((found / deviation - 1.0).abs() < 0.05, "{init:?}: {found} instead of {deviation}");
        }
        assert!(draw(0, "a", Init::Const(1.0)).iter().all(|&v| v == 1.0));
    }

    #[test]
    fn seed_and_name_decide() {
        let init = Init::Uniform { lo: 0.0, up: 1.0 };
        assert_eq!(draw(1, "a", init), draw(1, "a", init));
        assert_ne!(draw(1, "a", init), draw(2, "a", init));
        assert_ne!(draw(1, "a", init), draw(1, "b", init));
    }
}
