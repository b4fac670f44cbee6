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
/// Where there are fewer channels in than out, what each tap sees is less than what it gives, and is laid out first ([`Seen`]).
/// candle's own convolution copies every 3x3 patch first. Differentiable in `xs` and in the weight.
pub(crate) fn conv3x3(weight: &Tensor, xs: &Tensor) -> Result<Tensor> {
    if !is_plain(xs) {
        return xs.conv2d(weight, 1, 1, 1, 1);
    }
    let (n, in_channels, height, width) = xs.dims4()?;
    let out_channels = weight.dim(0)?;
    if in_channels < out_channels {
        let taps = weight.permute((0, 2, 3, 1))?.reshape((out_channels, TAPS * in_channels))?;
        let seen = xs.contiguous()?.apply_op1(Seen { height, width })?;
        return pointwise(&taps, &seen)?.reshape((n, out_channels, height, width));
    }
    let rows = TAPS * out_channels;
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

/// What each tap sees at each pixel: `(n, c, h, w)` to `(n, 9 * c, h * w)`, zero beyond the edge.
struct Seen {
    height: usize,
    width: usize,
}

impl Seen {
    /// For each row of pixels that `tap` sees something in: where its run of pixels begins, where what they see begins, and the
    /// length of both.
    fn runs(&self, tap: usize) -> impl Iterator<Item = (usize, usize, usize)> {
        let (down, right, width, height) = (tap / 3, tap % 3, self.width, self.height);
        let length = if right == 1 { width } else { width - 1 };
        let rows = (0..height).filter(move |y| (1..=height).contains(&(y + down)));
        rows.map(move |y| {
            (y * width + usize::from(right == 0), (y + down - 1) * width + usize::from(right == 2), length)
        })
    }
}

impl CustomOp1 for Seen {
    fn name(&self) -> &'static str {
        "seen-by-taps"
    }

    fn cpu_fwd(&self, xs: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (n, channels, _, _) = layout.shape().dims4()?;
        let (xs, plane, rows) = (values(xs, layout, self.name())?, self.height * self.width, TAPS * channels);
        let mut seen = vec![0f32; n * rows * plane];
        let see = |(row, seen): (usize, &mut [f32])| {
            let (image, tap, channel) = (row / rows, row % rows / channels, row % channels);
            let source = &xs[(image * channels + channel) * plane..][..plane];
            for (to, from, length) in self.runs(tap) {
                seen[to..to + length].copy_from_slice(&source[from..from + length]);
            }
        };
        if n == 1 {
            // It may be one of several that are scored side by side.
            seen.chunks_exact_mut(plane).enumerate().for_each(see);
        } else {
            seen.par_chunks_exact_mut(plane).enumerate().for_each(see);
        }
        Ok((CpuStorage::F32(seen), (n, rows, plane).into()))
    }

    /// The sum of what all taps that see a pixel pass on.
    fn bwd(&self, xs: &Tensor, _seen: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (_, channels, _, _) = xs.dims4()?;
        let (plane, rows) = (self.height * self.width, TAPS * channels);
        let mut sums = vec![0f32; xs.elem_count()];
        let grad = grad.contiguous()?;
        let (storage, layout) = grad.storage_and_layout();
        let Storage::Cpu(storage) = &*storage else { candle_core::bail!("seen-by-taps: expected a tensor on the CPU") };
        let source = values(storage, layout, self.name())?;
        sums.par_chunks_exact_mut(plane).enumerate().for_each(|(index, sums)| {
            let (image, channel) = (index / channels, index % channels);
            for tap in 0..TAPS {
                let source = &source[(image * rows + tap * channels + channel) * plane..][..plane];
                for (from, to, length) in self.runs(tap) {
                    let passed = &source[from..from + length];
                    sums[to..to + length].iter_mut().zip(passed).for_each(|(sum, passed)| *sum += passed);
                }
            }
        });
        Ok(Some(Tensor::from_vec(sums, xs.shape(), xs.device())?))
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
