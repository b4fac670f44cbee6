use candle_core::{CpuStorage, CustomOp3, DType, Layout, Result, Shape, Tensor};
use candle_nn::BatchNorm;

use super::values;

/// Batch normalisation with its running statistics, then ReLU: `max(0, (x - mean) / sqrt(var + eps) * weight + bias)`.
///
/// `xs` is `(n, c, h, w)`. The four numbers of a channel are folded into a scale and a shift first, so that the CPU reads
/// and writes each value once. Differentiable in `xs` and in the normalisation's own parameters; the gradient of ReLU at 0 is 0.
pub(crate) fn norm_relu(norm: &BatchNorm, xs: &Tensor) -> Result<Tensor> {
    // candle keeps the running statistics as variables; taken as such, they would keep every activation for a gradient.
    let (mean, variance) = (norm.running_mean().detach(), norm.running_var().detach());
    let deviation = (variance + norm.eps())?.sqrt()?;
    let (scale, bias) = match norm.weight_and_bias() {
        Some((weight, bias)) => ((weight / deviation)?, bias.clone()),
        None => (deviation.recip()?, deviation.zeros_like()?),
    };
    let shift = (bias - (mean * &scale)?)?;
    if xs.device().is_cpu() && xs.dtype() == DType::F32 {
        return xs.contiguous()?.apply_op3(&scale, &shift, ScaleShiftRelu);
    }
    xs.broadcast_mul(&per_channel(&scale)?)?.broadcast_add(&per_channel(&shift)?)?.relu()
}

fn per_channel(values: &Tensor) -> Result<Tensor> {
    values.reshape((1, (), 1, 1))
}

/// `max(0, x * scale + shift)` with scale and shift `(c,)`.
struct ScaleShiftRelu;

impl CustomOp3 for ScaleShiftRelu {
    fn name(&self) -> &'static str {
        "scale-shift-relu"
    }

    fn cpu_fwd(
        &self,
        xs: &CpuStorage,
        xs_layout: &Layout,
        scale: &CpuStorage,
        scale_layout: &Layout,
        shift: &CpuStorage,
        shift_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, _, h, w) = xs_layout.shape().dims4()?;
        let source = values(xs, xs_layout, self.name())?;
        let scale = values(scale, scale_layout, self.name())?;
        let shift = values(shift, shift_layout, self.name())?;
        let mut result = Vec::with_capacity(source.len());
        let channels = scale.iter().zip(shift).cycle();
        for (plane, (scale, shift)) in source.chunks_exact(h * w).zip(channels) {
            // Written so that NaN stays NaN.
            result.extend(plane.iter().map(|x| {
                let y = x * scale + shift;
                if y < 0.0 { 0.0 } else { y }
            }));
        }
        Ok((CpuStorage::F32(result), xs_layout.shape().clone()))
    }

    fn bwd(
        &self,
        xs: &Tensor,
        scale: &Tensor,
        _shift: &Tensor,
        result: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let passed = (grad * result.gt(0f32)?.to_dtype(grad.dtype())?)?;
        let for_xs = passed.broadcast_mul(&per_channel(scale)?)?;
        let for_scale = (&passed * xs)?.sum((0, 2, 3))?;
        Ok((Some(for_xs), Some(for_scale), Some(passed.sum((0, 2, 3))?)))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};
    use candle_nn::ModuleT;

    use super::*;

    #[test]
    fn equals_candles_normalisation_and_relu_with_gradients() {
        let device = &Device::Cpu;
        let random = |shape: &[usize]| Tensor::rand(0.5f32, 1.5, shape, device).unwrap();
        let xs = Var::from_tensor(&(random(&[2, 5, 3, 4]) - 1.0).unwrap()).unwrap();
        let weight = Var::from_tensor(&random(&[5])).unwrap();
        let bias = Var::from_tensor(&(random(&[5]) - 1.0).unwrap()).unwrap();
        let (mean, variance) = ((random(&[5]) - 1.0).unwrap(), random(&[5]));
        let parameters = (weight.as_tensor().clone(), bias.as_tensor().clone());
        let norm = BatchNorm::new(5, mean, variance, parameters.0, parameters.1, 1e-5).unwrap();
        let ours = norm_relu(&norm, xs.as_tensor()).unwrap();
        let theirs = norm.forward_t(xs.as_tensor(), false).unwrap().relu().unwrap();
        let weights = random(&[2, 5, 3, 4]);
        let far = |a: &Tensor, b: &Tensor| -> f32 {
            (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
        };
        assert!(far(&ours, &theirs) < 1e-5);
        let gradients = |ys: &Tensor| (ys * &weights).unwrap().sum_all().unwrap().backward().unwrap();
        let (ours, theirs) = (gradients(&ours), gradients(&theirs));
        for var in [&xs, &weight, &bias] {
            assert!(far(ours.get(var).unwrap(), theirs.get(var).unwrap()) < 1e-4);
        }
    }

    #[test]
    fn nothing_is_kept_for_a_gradient_unless_a_parameter_is_trained() {
        let one = Tensor::ones(1, DType::F32, &Device::Cpu).unwrap();
        let norm = BatchNorm::new(1, one.clone(), one.clone(), one.clone(), one.clone(), 1e-5).unwrap();
        assert!(!norm_relu(&norm, &one.reshape((1, 1, 1, 1)).unwrap()).unwrap().track_op());
    }

    #[test]
    fn nan_stays_nan() {
        let device = &Device::Cpu;
        let one = Tensor::ones(1, DType::F32, device).unwrap();
        let zero = one.zeros_like().unwrap();
        let norm = BatchNorm::new(1, zero.clone(), one.clone(), one, zero, 1e-5).unwrap();
        let xs = Tensor::new(&[[[[f32::NAN, -1.0]]]], device).unwrap();
        let ys = norm_relu(&norm, &xs).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(ys[0].is_nan() && ys[1] == 0.0);
    }
}
