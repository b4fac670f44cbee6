use candle_core::{Result, Tensor};

use crate::rng::SplitMix64;

/// Dropout (Srivastava et al., JMLR 15, 2014): sets each value to zero with the probability `rate` and divides the others by
/// `1 - rate`. Equal `seed`, `layer` and shape drop equal places, on any device.
pub(crate) fn dropout(xs: &Tensor, rate: f64, seed: u64, layer: &str) -> Result<Tensor> {
    masked(xs, xs.dims(), rate, seed, layer)
}

/// Stochastic depth (Huang et al., ECCV 2016): [`dropout`] of whole samples, the rows of the first axis.
#[cfg(feature = "zoo")]
pub(crate) fn drop_path(xs: &Tensor, rate: f64, seed: u64, layer: &str) -> Result<Tensor> {
    let mut shape = vec![1; xs.rank()];
    shape[0] = xs.dim(0)?;
    masked(xs, &shape, rate, seed, layer)
}

fn masked(xs: &Tensor, shape: &[usize], rate: f64, seed: u64, layer: &str) -> Result<Tensor> {
    if rate == 0.0 {
        return Ok(xs.clone());
    }
    if !(0.0..1.0).contains(&rate) {
        candle_core::bail!("dropout of {layer}: expected a rate of at least 0 and below 1, found {rate}")
    }
    let mut rng = SplitMix64::named(seed, layer);
    let threshold = (rate * (1u64 << 32) as f64) as u64;
    let kept = (1.0 / (1.0 - rate)) as f32;
    let mask = (0..shape.iter().product()).map(|_| if rng.next_u64() >> 32 < threshold { 0.0 } else { kept });
    let mask = Tensor::from_iter(mask, xs.device())?.reshape(shape)?.to_dtype(xs.dtype())?;
    xs.broadcast_mul(&mask)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    #[test]
    fn drops_the_rate_keeps_the_mean_and_repeats() {
        let xs = Tensor::ones((4, 5000), DType::F32, &Device::Cpu).unwrap();
        let drop =
            |seed, layer| dropout(&xs, 0.3, seed, layer).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let ys = drop(7, "a");
        let dropped = ys.iter().filter(|&&y| y == 0.0).count() as f64 / ys.len() as f64;
        assert!((dropped - 0.3).abs() < 0.015, "{dropped}");
        assert!(ys.iter().all(|&y| y == 0.0 || (y - 1.0 / 0.7).abs() < 1e-6));
        assert_eq!(ys, drop(7, "a"));
        assert_ne!(ys, drop(8, "a"));
        assert_ne!(ys, drop(7, "b"));
        assert!(dropout(&xs, 1.0, 0, "a").is_err());
    }

    #[cfg(feature = "zoo")]
    #[test]
    fn a_path_is_dropped_whole() {
        let xs = Tensor::ones((64, 3, 2), DType::F32, &Device::Cpu).unwrap();
        let ys = drop_path(&xs, 0.5, 1, "a").unwrap().flatten_from(1).unwrap().to_vec2::<f32>().unwrap();
        assert!(ys.iter().all(|row| row.iter().all(|&y| y == row[0])));
        let dropped = ys.iter().filter(|row| row[0] == 0.0).count();
        assert!((16..=48).contains(&dropped), "{dropped}");
    }
}
