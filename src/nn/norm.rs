//! Batch normalisation (Ioffe, Szegedy, "Batch Normalization", ICML 2015), alone or with the ReLU behind it.

use candle_core::{CpuStorage, CustomOp3, DType, Layout, Result, Shape, Tensor, Var};
use candle_nn::BatchNorm;

use super::batch_stats::{self, BatchStats, Normalise};
use super::values;

/// Whose mean and variance a normalisation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Statistics {
    /// The stored ones.
    Stored,
    /// The batch's own, which also move the stored ones.
    Batch,
    /// The batch's own; the stored ones stay. For a pass that is run again.
    Replayed,
}

/// Batch normalisation of `xs` `(n, c, h, w)`: `(x - mean) / sqrt(var + eps) * weight + bias`.
///
/// With `train` the mean and the biased variance are those of the batch, and the stored ones move towards them by the
/// normalisation's momentum (with the unbiased variance, as PyTorch does). Differentiable in `xs` and in the parameters.
pub(crate) fn norm(norm: &BatchNorm, xs: &Tensor, train: bool) -> Result<Tensor> {
    normalise(norm, xs, if train { Statistics::Batch } else { Statistics::Stored }, false)
}

/// [`norm`], then ReLU, whose gradient at 0 is 0.
pub(crate) fn norm_relu(norm: &BatchNorm, xs: &Tensor, train: bool) -> Result<Tensor> {
    normalise(norm, xs, if train { Statistics::Batch } else { Statistics::Stored }, true)
}

pub(crate) fn normalise(norm: &BatchNorm, xs: &Tensor, statistics: Statistics, relu: bool) -> Result<Tensor> {
    if statistics == Statistics::Stored {
        return with_stored(norm, xs, relu);
    }
    let xs = xs.contiguous()?;
    let stats = BatchStats::of(&xs)?;
    if statistics == Statistics::Batch {
        move_stored(norm, &stats)?;
    }
    let (weight, bias) = match norm.weight_and_bias() {
        Some((weight, bias)) => (weight.clone(), bias.clone()),
        None => (norm.running_var().ones_like()?.detach(), norm.running_var().zeros_like()?.detach()),
    };
    if batch_stats::is_plain(&xs) {
        return xs.apply_op3(&weight, &bias, Normalise::new(&stats, norm.eps(), relu)?);
    }
    // The statistics are taken once more so that the gradient flows through them.
    let wide = xs.to_dtype(DType::F32)?;
    let centred = wide.broadcast_sub(&wide.mean_keepdim((0, 2, 3))?)?;
    let deviation = (centred.sqr()?.mean_keepdim((0, 2, 3))? + norm.eps())?.sqrt()?;
    let ys = centred
        .broadcast_div(&deviation)?
        .broadcast_mul(&per_channel(&weight.to_dtype(DType::F32)?)?)?
        .broadcast_add(&per_channel(&bias.to_dtype(DType::F32)?)?)?
        .to_dtype(xs.dtype())?;
    if relu { super::relu(&ys) } else { Ok(ys) }
}

/// Moves the stored statistics by the normalisation's momentum.
fn move_stored(norm: &BatchNorm, stats: &BatchStats) -> Result<()> {
    let momentum = norm.momentum();
    for (stored, seen) in [(norm.running_mean(), &stats.mean), (norm.running_var(), &stats.unbiased_variance()?)] {
        let seen = seen.to_device(stored.device())?.to_dtype(DType::F32)?;
        let moved = ((stored.detach().to_dtype(DType::F32)? * (1.0 - momentum))? + (seen * momentum)?)?;
        // candle keeps the stored statistics as variables: this one is the same variable, not a copy.
        Var::from_tensor(stored)?.set(&moved.to_dtype(stored.dtype())?)?;
    }
    Ok(())
}

/// The four numbers of a channel are folded into a scale and a shift first, so that the CPU reads and writes each value
/// once.
fn with_stored(norm: &BatchNorm, xs: &Tensor, relu: bool) -> Result<Tensor> {
    // Taken as the variables that they are, the running statistics would keep every activation for a gradient.
    let stored = |statistic: &Tensor| statistic.detach().to_dtype(DType::F32);
    let (mean, variance) = (stored(norm.running_mean())?, stored(norm.running_var())?);
    let deviation = (variance + norm.eps())?.sqrt()?;
    let (scale, bias) = match norm.weight_and_bias() {
        Some((weight, bias)) => ((weight.to_dtype(DType::F32)? / deviation)?, bias.to_dtype(DType::F32)?),
        None => (deviation.recip()?, deviation.zeros_like()?),
    };
    let shift = (bias - (mean * &scale)?)?;
    if batch_stats::is_plain(xs) {
        return xs.contiguous()?.apply_op3(&scale, &shift, ScaleShift { relu });
    }
    let (scale, shift) = (scale.to_dtype(xs.dtype())?, shift.to_dtype(xs.dtype())?);
    let ys = xs.broadcast_mul(&per_channel(&scale)?)?.broadcast_add(&per_channel(&shift)?)?;
    if relu { super::relu(&ys) } else { Ok(ys) }
}

fn per_channel(values: &Tensor) -> Result<Tensor> {
    values.reshape((1, (), 1, 1))
}

/// `x * scale + shift` with scale and shift `(c,)`, then ReLU if asked for.
struct ScaleShift {
    relu: bool,
}

impl CustomOp3 for ScaleShift {
    fn name(&self) -> &'static str {
        "scale-shift"
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
        for (plane, (scale, shift)) in source.chunks_exact(h * w).zip(scale.iter().zip(shift).cycle()) {
            if self.relu {
                // Written so that NaN stays NaN.
                result.extend(plane.iter().map(|x| {
                    let y = x * scale + shift;
                    if y < 0.0 { 0.0 } else { y }
                }));
            } else {
                result.extend(plane.iter().map(|x| x * scale + shift));
            }
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
        let passed = if self.relu { (grad * result.gt(0f32)?.to_dtype(grad.dtype())?)? } else { grad.clone() };
        let for_xs = passed.broadcast_mul(&per_channel(scale)?)?;
        let for_scale = (&passed * xs)?.sum((0, 2, 3))?;
        Ok((Some(for_xs), Some(for_scale), Some(passed.sum((0, 2, 3))?)))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use candle_nn::ModuleT;

    use super::*;

    fn far(a: &Tensor, b: &Tensor) -> f32 {
        (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
    }

    fn random(shape: &[usize]) -> Tensor {
        Tensor::rand(0.5f32, 1.5, shape, &Device::Cpu).unwrap()
    }

    struct Case {
        xs: Var,
        weight: Var,
        bias: Var,
        mean: Tensor,
        variance: Tensor,
    }

    impl Case {
        fn new(shape: &[usize]) -> Self {
            let channels = [shape[1]];
            let signed = |shape: &[usize]| (random(shape) - 1.0).unwrap();
            Self {
                xs: Var::from_tensor(&signed(shape)).unwrap(),
                weight: Var::from_tensor(&random(&channels)).unwrap(),
                bias: Var::from_tensor(&signed(&channels)).unwrap(),
                mean: signed(&channels),
                variance: random(&channels),
            }
        }

        fn norm(&self) -> BatchNorm {
            let (weight, bias) = (self.weight.as_tensor().clone(), self.bias.as_tensor().clone());
            let channels = self.mean.dim(0).unwrap();
            BatchNorm::new(channels, self.mean.clone(), self.variance.clone(), weight, bias, 1e-5).unwrap()
        }
    }

    #[test]
    fn equals_candles_normalisation_and_relu_with_gradients() {
        for (shape, train, relu) in [
            ([2, 5, 3, 4], false, false),
            ([2, 5, 3, 4], false, true),
            ([2, 5, 3, 4], true, false),
            ([3, 2, 1, 1], true, true),
            ([1, 3, 7, 5], true, true),
        ] {
            let case = Case::new(&shape);
            let (ours, theirs) = (case.norm(), case.norm());
            let ys =
                normalise(&ours, &case.xs, if train { Statistics::Batch } else { Statistics::Stored }, relu).unwrap();
            let zs = theirs.forward_t(&case.xs, train).unwrap();
            let zs = if relu { zs.relu().unwrap() } else { zs };
            assert!(far(&ys, &zs) < 1e-5, "{shape:?} {train} {relu}");
            assert!(far(ours.running_mean(), theirs.running_mean()) < 1e-6);
            assert!(far(ours.running_var(), theirs.running_var()) < 1e-6);
            let weights = random(&shape);
            let gradients = |ys: &Tensor| (ys * &weights).unwrap().sum_all().unwrap().backward().unwrap();
            let (ours, theirs) = (gradients(&ys), gradients(&zs));
            for var in [&case.xs, &case.weight, &case.bias] {
                assert!(far(ours.get(var).unwrap(), theirs.get(var).unwrap()) < 1e-4, "{shape:?} {train} {relu}");
            }
        }
    }

    /// The way of the other devices and types, against the kernels.
    #[test]
    fn sixteen_bits_agree_with_thirty_two() {
        let case = Case::new(&[2, 5, 3, 4]);
        let half = |tensor: &Tensor| tensor.to_dtype(DType::F16).unwrap();
        let norm = case.norm();
        let (weight, bias) = norm.weight_and_bias().unwrap();
        let halved = BatchNorm::new(5, half(&case.mean), half(&case.variance), half(weight), half(bias), 1e-5).unwrap();
        for (statistics, relu) in [(Statistics::Stored, true), (Statistics::Replayed, false), (Statistics::Batch, true)]
        {
            let ys = normalise(&norm, &case.xs, statistics, relu).unwrap();
            let zs = normalise(&halved, &half(&case.xs), statistics, relu).unwrap();
            assert!(far(&ys, &zs.to_dtype(DType::F32).unwrap()) < 1e-2, "{statistics:?}");
        }
        assert!(far(norm.running_var(), &halved.running_var().to_dtype(DType::F32).unwrap()) < 1e-3);
    }

    #[test]
    fn a_replayed_pass_leaves_the_stored_statistics() {
        let case = Case::new(&[2, 5, 3, 4]);
        let norm = case.norm();
        let first = normalise(&norm, &case.xs, Statistics::Replayed, true).unwrap();
        assert_eq!(far(norm.running_mean(), &case.mean), 0.0);
        let second = normalise(&norm, &case.xs, Statistics::Batch, true).unwrap();
        assert_eq!(far(&first, &second), 0.0);
        assert!(far(norm.running_mean(), &case.mean) > 0.0);
    }

    #[test]
    fn one_value_a_channel_has_no_variance() {
        let case = Case::new(&[1, 3, 1, 1]);
        let error = norm(&case.norm(), &case.xs, true).unwrap_err().to_string();
        assert!(error.contains("more than one value"), "{error}");
    }

    #[test]
    fn nothing_is_kept_for_a_gradient_unless_a_parameter_is_trained() {
        let one = Tensor::ones(1, DType::F32, &Device::Cpu).unwrap();
        let norm = BatchNorm::new(1, one.clone(), one.clone(), one.clone(), one.clone(), 1e-5).unwrap();
        assert!(!norm_relu(&norm, &one.reshape((1, 1, 1, 1)).unwrap(), false).unwrap().track_op());
    }

    #[test]
    fn nan_stays_nan() {
        let device = &Device::Cpu;
        let one = Tensor::ones(1, DType::F32, device).unwrap();
        let zero = one.zeros_like().unwrap();
        let norm = BatchNorm::new(1, zero.clone(), one.clone(), one, zero, 1e-5).unwrap();
        let xs = Tensor::new(&[[[[f32::NAN, -1.0]]]], device).unwrap();
        let ys = norm_relu(&norm, &xs, false).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(ys[0].is_nan() && ys[1] == 0.0);
    }
}
