//! Mean and variance of a batch, and the normalisation by them with its gradient.

use candle_core::{CpuStorage, CustomOp3, DType, Layout, Result, Shape, Storage, Tensor};
use rayon::prelude::*;

use super::values;

/// Whether the kernels of this room take `xs`; otherwise candle's own operations do the same.
pub(super) fn is_plain(xs: &Tensor) -> bool {
    xs.device().is_cpu() && xs.dtype() == DType::F32
}

/// The statistics of each channel of a batch `(n, c, h, w)`, as f32, without gradient.
pub(super) struct BatchStats {
    /// `(c,)`.
    pub(super) mean: Tensor,
    /// `(c,)`: the mean of the squared distances.
    variance: Tensor,
    /// Values in a channel.
    count: usize,
}

impl BatchStats {
    /// Fails if a channel has but one value.
    pub(super) fn of(xs: &Tensor) -> Result<Self> {
        let (n, c, h, w) = xs.dims4()?;
        let count = n * h * w;
        if count < 2 {
            candle_core::bail!("batch statistics need more than one value a channel, found {:?}", xs.dims())
        }
        let (mean, variance) = if is_plain(xs) {
            let (mean, variance) = with_values(xs, |values| moments(values, c, h * w))?;
            (Tensor::from_vec(mean, c, xs.device())?, Tensor::from_vec(variance, c, xs.device())?)
        } else {
            let xs = xs.detach().to_dtype(DType::F32)?;
            let mean = xs.mean_keepdim((0, 2, 3))?;
            let variance = xs.broadcast_sub(&mean)?.sqr()?.mean((0, 2, 3))?;
            (mean.flatten_all()?, variance)
        };
        Ok(Self { mean, variance, count })
    }

    /// `(c,)`: the sum of the squared distances by one less than their number.
    pub(super) fn unbiased_variance(&self) -> Result<Tensor> {
        &self.variance * (self.count as f64 / (self.count - 1) as f64)
    }
}

/// Runs `f` on the values of a contiguous CPU tensor.
fn with_values<T>(xs: &Tensor, f: impl FnOnce(&[f32]) -> T) -> Result<T> {
    let (storage, layout) = xs.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => Ok(f(values(storage, layout, "batch-norm")?)),
        _ => candle_core::bail!("batch-norm: expected a tensor on the CPU"),
    }
}

/// Sums in sixteen lanes: fast, and with errors that grow with a sixteenth of the length.
fn sum(values: impl ExactSizeIterator<Item = f32> + Clone) -> f64 {
    let mut lanes = [0f32; 16];
    for (i, value) in values.enumerate() {
        lanes[i % 16] += value;
    }
    lanes.iter().map(|&lane| f64::from(lane)).sum()
}

/// Mean and biased variance of each channel, in two passes.
fn moments(xs: &[f32], channels: usize, plane: usize) -> (Vec<f32>, Vec<f32>) {
    let count = (xs.len() / channels) as f64;
    // Channels side by side, the images of each in order.
    let over_planes = |centre: &[f32], f: fn(f32, f32) -> f32| {
        let of = |(channel, &centre): (usize, &f32)| {
            let planes = xs.chunks_exact(plane).skip(channel).step_by(channels);
            let total: f64 = planes.map(|plane| sum(plane.iter().map(|&x| f(x, centre)))).sum();
            (total / count) as f32
        };
        centre.par_iter().enumerate().map(of).collect::<Vec<_>>()
    };
    let mean = over_planes(&vec![0.0; channels], |x, _| x);
    let variance = over_planes(&mean, |x, mean| (x - mean) * (x - mean));
    (mean, variance)
}

/// `(x - mean) * inv_std * weight + bias` with the statistics of `x` itself, then ReLU if asked for.
pub(super) struct Normalise {
    mean: Vec<f32>,
    inv_std: Vec<f32>,
    relu: bool,
}

impl Normalise {
    pub(super) fn new(stats: &BatchStats, eps: f64, relu: bool) -> Result<Self> {
        let variance = stats.variance.to_vec1::<f32>()?;
        let inv_std = variance.iter().map(|&v| (1.0 / (f64::from(v) + eps).sqrt()) as f32).collect();
        Ok(Self { mean: stats.mean.to_vec1()?, inv_std, relu })
    }

    fn gradients(&self, xs: &[f32], ys: &[f32], grad: &[f32], weight: &[f32], plane: usize) -> [Vec<f32>; 3] {
        let channels = self.mean.len();
        let count = (xs.len() / channels) as f64;
        // What ReLU stopped has no gradient.
        let passed = |y: f32, g: f32| if self.relu && y <= 0.0 { 0.0 } else { g };
        let planes = |channel: usize| {
            let of = move |values: &'_ [f32]| channel * plane..values.len();
            let [xs, ys, grad] = [xs, ys, grad].map(|values| values[of(values)].chunks_exact(plane).step_by(channels));
            xs.zip(ys).zip(grad)
        };
        let channel_sums = |channel: usize| {
            let (mean, inv_std) = (self.mean[channel], self.inv_std[channel]);
            planes(channel).fold((0f64, 0f64), |(sums, products), ((xs, ys), grad)| {
                let product = |((&x, &y), &g): ((&f32, &f32), &f32)| passed(y, g) * (x - mean) * inv_std;
                let own = sum(ys.iter().zip(grad).map(|(&y, &g)| passed(y, g)));
                (sums + own, products + sum(xs.iter().zip(ys).zip(grad).map(product)))
            })
        };
        let (sums, products): (Vec<f64>, Vec<f64>) = (0..channels).into_par_iter().map(channel_sums).unzip();
        let mut for_xs = vec![0f32; xs.len()];
        for_xs.par_chunks_exact_mut(plane).enumerate().for_each(|(index, target)| {
            let channel = index % channels;
            let (mean, inv_std) = (self.mean[channel], self.inv_std[channel]);
            let scale = weight[channel] * inv_std;
            let (sum, product) = ((sums[channel] / count) as f32, (products[channel] / count) as f32);
            let range = index * plane..(index + 1) * plane;
            let values = xs[range.clone()].iter().zip(&ys[range.clone()]).zip(&grad[range]);
            for (target, ((&x, &y), &g)) in target.iter_mut().zip(values) {
                *target = scale * (passed(y, g) - sum - (x - mean) * inv_std * product);
            }
        });
        let narrow = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect();
        [for_xs, narrow(products), narrow(sums)]
    }
}

impl CustomOp3 for Normalise {
    fn name(&self) -> &'static str {
        "batch-norm"
    }

    fn cpu_fwd(
        &self,
        xs: &CpuStorage,
        xs_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, channels, h, w) = xs_layout.shape().dims4()?;
        let source = values(xs, xs_layout, self.name())?;
        let weight = values(weight, weight_layout, self.name())?;
        let bias = values(bias, bias_layout, self.name())?;
        let mut result = vec![0f32; source.len()];
        let planes = result.par_chunks_exact_mut(h * w).zip(source.par_chunks_exact(h * w)).enumerate();
        planes.for_each(|(index, (result, plane))| {
            let channel = index % channels;
            let (mean, scale, bias) = (self.mean[channel], self.inv_std[channel] * weight[channel], bias[channel]);
            for (y, x) in result.iter_mut().zip(plane) {
                let normal = (x - mean) * scale + bias;
                // Written so that NaN stays NaN.
                *y = if self.relu && normal < 0.0 { 0.0 } else { normal };
            }
        });
        Ok((CpuStorage::F32(result), xs_layout.shape().clone()))
    }

    fn bwd(
        &self,
        xs: &Tensor,
        weight: &Tensor,
        _bias: &Tensor,
        result: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (_, channels, h, w) = xs.dims4()?;
        let grad = grad.contiguous()?;
        let weight = weight.to_vec1::<f32>()?;
        let [for_xs, for_weight, for_bias] = with_values(xs, |xs| {
            with_values(result, |ys| with_values(&grad, |grad| self.gradients(xs, ys, grad, &weight, h * w)))
        })???;
        let device = xs.device();
        Ok((
            Some(Tensor::from_vec(for_xs, xs.shape(), device)?),
            Some(Tensor::from_vec(for_weight, channels, device)?),
            Some(Tensor::from_vec(for_bias, channels, device)?),
        ))
    }
}
