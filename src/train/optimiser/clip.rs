//! Gradients held to a length (Pascanu, Mikolov and Bengio, *On the difficulty of training recurrent neural networks*, ICML 2013).

use candle_core::{DType, Result as TensorResult, Storage, Tensor};

use crate::nn::values;
use crate::{Error, Result};

/// Added to the norm that is divided by, as torch does.
const EPS: f64 = 1e-6;

/// The Euclidean norm of all gradients as one vector; 0 without any, NaN or infinite if one of their values is.
///
/// On the CPU the squares are summed in f64 in a fixed order; elsewhere each tensor's are summed in f32 by the device.
///
/// # Errors
///
/// [`Error::Tensor`] if the device fails.
pub(crate) fn global_norm<'a>(gradients: impl Iterator<Item = &'a Tensor>) -> Result<f64> {
    let mut total = 0.0;
    for gradient in gradients {
        total += sum_of_squares(gradient).map_err(Error::tensor("gradient norm"))?;
    }
    Ok(total.sqrt())
}

/// What gradients of the norm `norm` are multiplied by so that it becomes `limit` at the most: `min(1, limit / (norm + 1e-6))`, as
/// `torch.nn.utils.clip_grad_norm_`. NaN for a norm that is NaN, 0 for an infinite one.
pub(crate) fn clip_factor(norm: f64, limit: f64) -> f64 {
    let factor = limit / (norm + EPS);
    if factor > 1.0 { 1.0 } else { factor }
}

fn sum_of_squares(gradient: &Tensor) -> TensorResult<f64> {
    let gradient = gradient.detach().to_dtype(DType::F32)?;
    if !gradient.device().is_cpu() {
        return Ok(f64::from(gradient.sqr()?.sum_all()?.to_scalar::<f32>()?));
    }
    let gradient = gradient.contiguous()?;
    let (storage, layout) = gradient.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => Ok(in_lanes(values(storage, layout, "gradient norm")?)),
        _ => candle_core::bail!("gradient norm: expected a tensor on the CPU"),
    }
}

/// The sum of squares in eight lanes, which the compiler makes vectors of.
fn in_lanes(values: &[f32]) -> f64 {
    let mut lanes = [0f64; 8];
    let (rows, rest) = values.as_chunks::<8>();
    for row in rows {
        for (lane, &value) in lanes.iter_mut().zip(row) {
            *lane += f64::from(value) * f64::from(value);
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn the_norm_is_that_of_one_long_vector() {
        // 3, 4 and 12 in places that fill lanes and leave a rest; one tensor lies transposed.
        let mut long = vec![0f32; 29];
        (long[3], long[28]) = (3.0, 4.0);
        let long = Tensor::from_vec(long, 29, &Device::Cpu).unwrap();
        let wide = Tensor::new(&[[0f32, 12.0, 0.0], [0.0, 0.0, 0.0]], &Device::Cpu).unwrap().t().unwrap();
        assert_eq!(global_norm([&long, &wide].into_iter()).unwrap(), 13.0);
        assert_eq!(global_norm(std::iter::empty()).unwrap(), 0.0);
        // Squares that f32 cannot hold.
        let huge = Tensor::new(&[3e30f32, 4e30], &Device::Cpu).unwrap();
        assert!((global_norm(std::iter::once(&huge)).unwrap() / 5e30 - 1.0).abs() < 1e-6);
        let broken = Tensor::new(&[1f32, f32::NAN], &Device::Cpu).unwrap();
        assert!(global_norm([&long, &broken].into_iter()).unwrap().is_nan());
    }

    #[test]
    fn factors_are_torchs() {
        // torch.nn.utils.clip_grad_norm_ of [3, 4] with 1.0, 10.0 and 0.0.
        assert!((clip_factor(5.0, 1.0) - 0.199_999_96).abs() < 1e-9);
        assert_eq!(clip_factor(5.0, 10.0), 1.0);
        assert_eq!(clip_factor(5.0, 0.0), 0.0);
        assert_eq!(clip_factor(f64::INFINITY, 1.0), 0.0);
        assert!(clip_factor(f64::NAN, 1.0).is_nan());
    }
}
