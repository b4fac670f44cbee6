use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};
use candle_nn::Conv2d;

use super::batch_stats::is_plain;
use super::conv::conv2d;
use super::values;

/// A depthwise convolution: one `k x k` kernel for each channel, `(n, c, h, w)` to `(n, c, h', w')`, with the
/// convolution's stride, padding and bias.
///
/// candle splits a grouped convolution into one convolution for each channel. On the CPU this walks each channel's plane
/// once instead, row by row. Differentiable in `xs`, in the weight `(c, 1, k, k)` and in the bias. Kernels that are not
/// square, dilated ones and groups of more than one channel are left to candle.
pub(crate) fn depthwise(conv: &Conv2d, xs: &Tensor) -> Result<Tensor> {
    let config = conv.config();
    let (out_channels, in_group, height, width) = conv.weight().dims4()?;
    let ours = is_plain(xs)
        && (in_group, height, config.dilation) == (1, width, 1)
        && (out_channels, config.groups) == (xs.dim(1)?, out_channels);
    if !ours {
        return conv2d(conv, xs);
    }
    let op = Depthwise { stride: config.stride, padding: config.padding };
    let ys = xs.contiguous()?.apply_op2(&conv.weight().contiguous()?, op)?;
    match conv.bias() {
        Some(bias) => ys.broadcast_add(&bias.reshape((1, (), 1, 1))?),
        None => Ok(ys),
    }
}

/// `(n, c, h, w)` and `(c, 1, k, k)` to `(n, c, h', w')`.
#[derive(Debug, Clone, Copy)]
struct Depthwise {
    stride: usize,
    padding: usize,
}

/// How one plane is laid out for the walk: padded, and each row's columns sorted by their remainder modulo the stride, so
/// that what neighbouring outputs read lies side by side whatever the stride.
#[derive(Debug, Clone, Copy)]
struct Plan {
    op: Depthwise,
    kernel: usize,
    input: (usize, usize),
    output: (usize, usize),
}

impl Plan {
    fn new(op: Depthwise, kernel: usize, input: (usize, usize)) -> Result<Self> {
        let side = |length: usize| {
            let reach = (length + 2 * op.padding).checked_sub(kernel);
            reach.filter(|_| kernel > 0 && op.stride > 0).map(|reach| reach / op.stride + 1)
        };
        match (side(input.0), side(input.1)) {
            (Some(height), Some(width)) => Ok(Self { op, kernel, input, output: (height, width) }),
            _ => candle_core::bail!("depthwise: expected input of at least the kernel's {kernel}, found {input:?}"),
        }
    }

    /// Places for the columns of one remainder.
    const fn phase(&self) -> usize {
        (self.input.1 + 2 * self.op.padding).div_ceil(self.op.stride)
    }

    /// Length of a laid-out row.
    const fn row(&self) -> usize {
        self.phase() * self.op.stride
    }

    const fn places(&self) -> usize {
        (self.input.0 + 2 * self.op.padding) * self.row()
    }

    /// Where the first output of row `y` reads for the tap `(ky, kx)`; the row's other outputs read on from there.
    const fn start(&self, y: usize, ky: usize, kx: usize) -> usize {
        (y * self.op.stride + ky) * self.row() + kx % self.op.stride * self.phase() + kx / self.op.stride
    }

    /// Where the column `x` of the plane stands in a laid-out row.
    const fn column(&self, x: usize) -> usize {
        let x = x + self.op.padding;
        x % self.op.stride * self.phase() + x / self.op.stride
    }

    /// Lays `plane` out in `laid`, whose border is zero and stays so.
    fn lay_out(&self, plane: &[f32], laid: &mut [f32]) {
        let rows = laid.chunks_exact_mut(self.row()).skip(self.op.padding);
        for (source, row) in plane.chunks_exact(self.input.1).zip(rows) {
            if self.op.stride == 1 {
                row[self.op.padding..][..source.len()].copy_from_slice(source);
            } else {
                for (x, value) in source.iter().enumerate() {
                    row[self.column(x)] = *value;
                }
            }
        }
    }

    /// Appends the plane that `laid` holds, without the border.
    fn take_back(&self, laid: &[f32], plane: &mut Vec<f32>) {
        for row in laid.chunks_exact(self.row()).skip(self.op.padding).take(self.input.0) {
            plane.extend((0..self.input.1).map(|x| row[self.column(x)]));
        }
    }
}

/// Adds to `sums` the products of `weights` and the rows that `row(kx)` gives, each read once.
fn add_row<'a, const K: usize>(sums: &mut [f32], weights: &[f32], row: impl Fn(usize) -> &'a [f32]) {
    let width = sums.len();
    let rows: [&[f32]; K] = std::array::from_fn(|kx| &row(kx)[..width]);
    let weights: [f32; K] = std::array::from_fn(|kx| weights[kx]);
    for (x, sum) in sums.iter_mut().enumerate() {
        for kx in 0..K {
            *sum += rows[kx][x] * weights[kx];
        }
    }
}

/// `sums += xs * factor`.
fn add_scaled(sums: &mut [f32], xs: &[f32], factor: f32) {
    for (sum, x) in sums.iter_mut().zip(xs) {
        *sum += x * factor;
    }
}

/// The scalar product, in eight running sums.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let b = &b[..a.len()];
    let mut sums = [0f32; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}

impl CustomOp2 for Depthwise {
    fn name(&self) -> &'static str {
        "depthwise"
    }

    fn cpu_fwd(&self, xs: &CpuStorage, xs_at: &Layout, w: &CpuStorage, w_at: &Layout) -> Result<(CpuStorage, Shape)> {
        let (n, channels, height, width) = xs_at.shape().dims4()?;
        let plan = Plan::new(*self, w_at.dim(3)?, (height, width))?;
        let (xs, weight) = (values(xs, xs_at, self.name())?, values(w, w_at, self.name())?);
        let (k, (h, w)) = (plan.kernel, plan.output);
        let mut result = vec![0f32; n * channels * h * w];
        let mut laid = vec![0f32; plan.places()];
        let kernels = weight.chunks_exact(k * k).cycle();
        let planes = xs.chunks_exact(height * width).zip(result.chunks_exact_mut(h * w));
        for ((plane, result), kernel) in planes.zip(kernels) {
            plan.lay_out(plane, &mut laid);
            for (y, sums) in result.chunks_exact_mut(w).enumerate() {
                for (ky, weights) in kernel.chunks_exact(k).enumerate() {
                    let row = |kx| &laid[plan.start(y, ky, kx)..];
                    match k {
                        3 => add_row::<3>(sums, weights, row),
                        5 => add_row::<5>(sums, weights, row),
                        7 => add_row::<7>(sums, weights, row),
                        _ => weights.iter().enumerate().for_each(|(kx, &weight)| add_scaled(sums, row(kx), weight)),
                    }
                }
            }
        }
        Ok((CpuStorage::F32(result), (n, channels, h, w).into()))
    }

    fn bwd(&self, xs: &Tensor, weight: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let for_xs = || grad.apply_op2_no_bwd(weight, &InputGradient { op: *self, input: xs.dims4()? });
        let for_weight = || xs.apply_op2_no_bwd(&grad, &WeightGradient { op: *self, kernel: weight.dim(3)? });
        Ok((xs.track_op().then(for_xs).transpose()?, weight.track_op().then(for_weight).transpose()?))
    }
}

/// The gradient of the result `(n, c, h', w')` and the weight to the gradient of the input, whose shape is kept here.
struct InputGradient {
    op: Depthwise,
    input: (usize, usize, usize, usize),
}

impl CustomOp2 for InputGradient {
    fn name(&self) -> &'static str {
        "depthwise-input-gradient"
    }

    fn cpu_fwd(&self, grad: &CpuStorage, at: &Layout, w: &CpuStorage, w_at: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, _, height, width) = self.input;
        let plan = Plan::new(self.op, w_at.dim(3)?, (height, width))?;
        let (grad, weight) = (values(grad, at, self.name())?, values(w, w_at, self.name())?);
        let (k, (h, w)) = (plan.kernel, plan.output);
        let mut result = Vec::with_capacity(grad.len() / (h * w) * height * width);
        let mut laid = vec![0f32; plan.places()];
        for (grad, kernel) in grad.chunks_exact(h * w).zip(weight.chunks_exact(k * k).cycle()) {
            laid.fill(0.0);
            for (y, grad) in grad.chunks_exact(w).enumerate() {
                for (tap, &weight) in kernel.iter().enumerate() {
                    add_scaled(&mut laid[plan.start(y, tap / k, tap % k)..], grad, weight);
                }
            }
            plan.take_back(&laid, &mut result);
        }
        Ok((CpuStorage::F32(result), self.input.into()))
    }
}

/// The input and the gradient of the result to the gradient of the weight `(c, 1, k, k)`.
struct WeightGradient {
    op: Depthwise,
    kernel: usize,
}

impl CustomOp2 for WeightGradient {
    fn name(&self) -> &'static str {
        "depthwise-weight-gradient"
    }

    fn cpu_fwd(&self, xs: &CpuStorage, xs_at: &Layout, grad: &CpuStorage, at: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, channels, height, width) = xs_at.shape().dims4()?;
        let plan = Plan::new(self.op, self.kernel, (height, width))?;
        let (xs, grad) = (values(xs, xs_at, self.name())?, values(grad, at, self.name())?);
        let (k, (h, w)) = (plan.kernel, plan.output);
        let mut result = vec![0f32; channels * k * k];
        let mut laid = vec![0f32; plan.places()];
        for (index, (plane, grad)) in xs.chunks_exact(height * width).zip(grad.chunks_exact(h * w)).enumerate() {
            plan.lay_out(plane, &mut laid);
            let sums = &mut result[index % channels * k * k..][..k * k];
            for (y, grad) in grad.chunks_exact(w).enumerate() {
                for (tap, sum) in sums.iter_mut().enumerate() {
                    *sum += dot(grad, &laid[plan.start(y, tap / k, tap % k)..]);
                }
            }
        }
        Ok((CpuStorage::F32(result), (channels, 1, k, k).into()))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};
    use candle_nn::{Conv2dConfig, Module};

    use super::*;

    fn far(a: &Tensor, b: &Tensor) -> f32 {
        assert_eq!(a.dims(), b.dims());
        (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
    }

    /// The same from candle's element-wise operations, one tap after the other.
    fn by_taps(xs: &Tensor, weight: &Tensor, stride: usize, padding: usize) -> Tensor {
        let (c, _, k, _) = weight.dims4().unwrap();
        let padded = xs.pad_with_zeros(2, padding, padding).unwrap().pad_with_zeros(3, padding, padding).unwrap();
        let every = |xs: Tensor, axis: usize, first: usize| {
            let places = (xs.dim(axis).unwrap() - k) / stride + 1;
            let places: Vec<u32> = (0..places).map(|place| (place * stride + first) as u32).collect();
            xs.index_select(&Tensor::new(places, xs.device()).unwrap(), axis).unwrap()
        };
        let tap = |ky: usize, kx: usize| {
            let weight = weight.narrow(2, ky, 1).unwrap().narrow(3, kx, 1).unwrap().reshape((1, c, 1, 1)).unwrap();
            every(every(padded.clone(), 2, ky), 3, kx).broadcast_mul(&weight).unwrap()
        };
        (0..k * k).map(|i| tap(i / k, i % k)).reduce(|sum, tap| (sum + tap).unwrap()).unwrap()
    }

    #[test]
    fn equals_candle_with_gradients() {
        let device = &Device::Cpu;
        // n, channels, height, width, kernel, stride, padding
        for (n, c, h, w, k, stride, padding) in [
            (1, 1, 1, 1, 3, 1, 1),
            (1, 3, 6, 6, 3, 2, 1),
            (1, 2, 9, 9, 5, 1, 2),
            (2, 3, 5, 7, 3, 1, 1),
            (2, 3, 6, 9, 3, 2, 1),
            (1, 4, 13, 10, 5, 2, 2),
            (2, 2, 4, 3, 5, 1, 2),
            (1, 3, 9, 30, 7, 1, 3),
            (1, 2, 8, 8, 7, 2, 3),
            (2, 2, 7, 5, 4, 1, 0),
            (1, 2, 11, 6, 2, 3, 1),
            (1, 2, 5, 6, 1, 2, 0),
        ] {
            let case = format!("{n} {c} {h} {w} {k} {stride} {padding}");
            let random = |shape: &[usize]| Tensor::randn(0f32, 1.0, shape, device).unwrap();
            let xs = Var::from_tensor(&random(&[n, c, h, w])).unwrap();
            let weight = Var::from_tensor(&random(&[c, 1, k, k])).unwrap();
            let bias = Var::from_tensor(&random(&[c])).unwrap();
            let config = Conv2dConfig { padding, stride, groups: c, ..Default::default() };
            let conv = Conv2d::new(weight.as_tensor().clone(), Some(bias.as_tensor().clone()), config);
            let ours = depthwise(&conv, xs.as_tensor()).unwrap();
            let grouped = conv.forward(xs.as_tensor()).unwrap();
            assert!(far(&ours, &grouped) < 1e-4, "{case}");
            let weights = random(ours.dims());
            let gradients = |ys: &Tensor| (ys * &weights).unwrap().sum_all().unwrap().backward().unwrap();
            let taps = by_taps(&xs, &weight, stride, padding);
            let (ours, taps) = (gradients(&ours), gradients(&taps));
            for var in [&xs, &weight] {
                assert!(far(ours.get(var).unwrap(), taps.get(var).unwrap()) < 1e-3, "{case}");
            }
            // candle 0.11 has no gradient where a stride leaves unequal rests on the two sides.
            let rest = |side: usize| (side + 2 * padding - k) % stride;
            if rest(h) == rest(w) {
                let grouped = gradients(&grouped);
                for var in [&xs, &weight, &bias] {
                    assert!(far(ours.get(var).unwrap(), grouped.get(var).unwrap()) < 1e-3, "{case}");
                }
            }
        }
    }

    #[test]
    fn a_frozen_weight_gets_no_gradient_and_input_may_be_strided() {
        let device = &Device::Cpu;
        let xs = Var::randn(0f32, 1.0, (1, 6, 5, 2), device).unwrap();
        let weight = Tensor::randn(0f32, 1.0, (2, 1, 3, 3), device).unwrap();
        let config = Conv2dConfig { padding: 1, groups: 2, ..Default::default() };
        let conv = Conv2d::new(weight.clone(), None, config);
        let turned = xs.permute((0, 3, 1, 2)).unwrap();
        let ys = depthwise(&conv, &turned).unwrap();
        assert!(far(&ys, &conv.forward(&turned).unwrap()) < 1e-5);
        let gradients = ys.sum_all().unwrap().backward().unwrap();
        assert!(gradients.get(&weight).is_none());
        assert_eq!(gradients.get(&xs).unwrap().dims(), xs.dims());
    }

    #[test]
    fn input_smaller_than_the_kernel_is_refused() {
        let weight = Tensor::ones((1, 1, 3, 3), DType::F32, &Device::Cpu).unwrap();
        let xs = Tensor::ones((1, 1, 2, 5), DType::F32, &Device::Cpu).unwrap();
        assert!(depthwise(&Conv2d::new(weight, None, Conv2dConfig::default()), &xs).is_err());
    }
}
