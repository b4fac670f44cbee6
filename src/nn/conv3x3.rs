use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Storage, Tensor};
use rayon::prelude::*;

use super::batch_stats::is_plain;
use super::conv::pointwise;
use super::values;

/// Taps of the kernel.
const TAPS: usize = 9;

/// A 3x3 convolution with `weight` `(out, c, 3, 3)`, stride 1, padded by one, without bias: `(n, c, h, w)` to `(n, out, h, w)`.
///
/// On the CPU the image, padded, is one long row, and the nine taps of all output channels are the rows of one matrix. One
/// product gives each tap's share at each place; the result is the sum of nine shares, each read at its tap's distance.
/// candle's own convolution copies every 3x3 patch first. Differentiable in `xs` and in the weight.
pub(crate) fn conv3x3(weight: &Tensor, xs: &Tensor) -> Result<Tensor> {
    if !is_plain(xs) {
        return xs.conv2d(weight, 1, 1, 1, 1);
    }
    let (_, in_channels, height, width) = xs.dims4()?;
    let rows = TAPS * weight.dim(0)?;
    let taps = weight.permute((2, 3, 0, 1))?.reshape((rows, in_channels))?;
    let padded = xs.pad_with_zeros(2, 1, 1)?.pad_with_zeros(3, 1, 1)?.flatten_from(2)?;
    pointwise(&taps, &padded)?.apply_op1(SumOfTaps { height, width })
}

/// From each tap's share `(n, 9 * out, (h + 2) * (w + 2))` to their sum `(n, out, h, w)`.
struct SumOfTaps {
    height: usize,
    width: usize,
}

impl SumOfTaps {
    /// Length of a padded row.
    const fn row(&self) -> usize {
        self.width + 2
    }

    /// Where a tap's share for the first pixel stands.
    const fn shift(&self, tap: usize) -> usize {
        tap / 3 * self.row() + tap % 3
    }
}

impl CustomOp1 for SumOfTaps {
    fn name(&self) -> &'static str {
        "sum-of-taps"
    }

    fn cpu_fwd(&self, shares: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (n, rows, places) = layout.shape().dims3()?;
        let out_channels = rows / TAPS;
        let shares = values(shares, layout, self.name())?;
        let mut sums = vec![0f32; n * out_channels * self.height * self.width];
        let sum = |(plane, sums): (usize, &mut [f32])| {
            let (image, channel) = (plane / out_channels, plane % out_channels);
            for tap in 0..TAPS {
                let share = &shares[(image * rows + tap * out_channels + channel) * places..][self.shift(tap)..];
                for (sums, share) in sums.chunks_exact_mut(self.width).zip(share.chunks(self.row())) {
                    for (sum, share) in sums.iter_mut().zip(share) {
                        *sum += share;
                    }
                }
            }
        };
        let plane = self.height * self.width;
        if n == 1 {
            // It may be one of several that are scored side by side.
            sums.chunks_exact_mut(plane).enumerate().for_each(sum);
        } else {
            sums.par_chunks_exact_mut(plane).enumerate().for_each(sum);
        }
        Ok((CpuStorage::F32(sums), (n, out_channels, self.height, self.width).into()))
    }

    /// Each share's gradient is that of the sum, at its tap's distance.
    fn bwd(&self, shares: &Tensor, _sum: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (n, rows, places) = shares.dims3()?;
        let (out_channels, plane) = (rows / TAPS, self.height * self.width);
        let mut gradients = vec![0f32; n * rows * places];
        let grad = grad.contiguous()?;
        let (storage, layout) = grad.storage_and_layout();
        let Storage::Cpu(storage) = &*storage else { candle_core::bail!("sum-of-taps: expected a tensor on the CPU") };
        let source = values(storage, layout, self.name())?;
        gradients.par_chunks_exact_mut(places).enumerate().for_each(|(row, gradients)| {
            let (image, tap, channel) = (row / rows, row % rows / out_channels, row % out_channels);
            let source = &source[(image * out_channels + channel) * plane..][..plane];
            let targets = gradients[self.shift(tap)..].chunks_mut(self.row());
            for (target, source) in targets.zip(source.chunks_exact(self.width)) {
                target[..self.width].copy_from_slice(source);
            }
        });
        Ok(Some(Tensor::from_vec(gradients, (n, rows, places), shares.device())?))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    #[test]
    fn equals_candles_convolution_with_gradients() {
        let device = &Device::Cpu;
        for (n, in_channels, out_channels, h, w) in [(1, 1, 1, 1, 1), (2, 3, 4, 5, 7), (3, 8, 2, 6, 1), (1, 5, 3, 1, 9)]
        {
            let random = |shape: &[usize]| Tensor::randn(0f32, 1.0, shape, device).unwrap();
            let xs = Var::from_tensor(&random(&[n, in_channels, h, w])).unwrap();
            let weight = Var::from_tensor(&random(&[out_channels, in_channels, 3, 3])).unwrap();
            let ours = conv3x3(&weight, &xs).unwrap();
            let theirs = xs.conv2d(&weight, 1, 1, 1, 1).unwrap();
            let far = |a: &Tensor, b: &Tensor| -> f32 {
                (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
            };
            assert!(far(&ours, &theirs) < 1e-4, "{n} {in_channels} {out_channels} {h} {w}");
            let weights = random(&[n, out_channels, h, w]);
            let gradients = |ys: &Tensor| (ys * &weights).unwrap().sum_all().unwrap().backward().unwrap();
            let (ours, theirs) = (gradients(&ours), gradients(&theirs));
            for var in [&xs, &weight] {
                assert!(far(ours.get(var).unwrap(), theirs.get(var).unwrap()) < 1e-3);
            }
        }
    }
}
