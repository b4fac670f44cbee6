use candle_core::{Result, Tensor};
use candle_nn::{Conv2d, Conv2dConfig, Module};

use super::conv3x3::conv3x3;
use super::recompute::with_gradient;

/// The convolution `conv` of `xs` `(n, c, h, w)`, in the way that is fastest on the CPU. Differentiable.
pub(crate) fn conv2d(conv: &Conv2d, xs: &Tensor) -> Result<Tensor> {
    let config = conv.config();
    let (_, _, kernel_h, kernel_w) = conv.weight().dims4()?;
    let plain = config.stride == 1 && config.dilation == 1 && config.groups == 1;
    let without_bias = match (plain, config.padding, kernel_h, kernel_w) {
        (true, 0, 1, 1) => {
            let (n, _, h, w) = xs.dims4()?;
            pointwise(&conv.weight().flatten_from(1)?, &xs.flatten_from(2)?)?.reshape((n, (), h, w))?
        }
        (true, 1, 3, 3) => conv3x3(conv.weight(), xs)?,
        _ => return strided(conv, xs, (kernel_h, kernel_w)),
    };
    match conv.bias() {
        Some(bias) => without_bias.broadcast_add(&bias.reshape((1, (), 1, 1))?),
        None => Ok(without_bias),
    }
}

/// candle's convolution. Its gradient takes the rows that no step of the kernel reaches for as many as the columns; where
/// they are not, the image is padded and cut beforehand so that none are left.
fn strided(conv: &Conv2d, xs: &Tensor, kernel: (usize, usize)) -> Result<Tensor> {
    let config = *conv.config();
    let (_, _, h, w) = xs.dims4()?;
    let left = |side: usize, kernel: usize| {
        let span = config.dilation * (kernel - 1) + 1;
        (side + 2 * config.padding).checked_sub(span).map(|steps| steps % config.stride)
    };
    let (Some(rows), Some(columns)) = (left(h, kernel.0), left(w, kernel.1)) else {
        candle_core::bail!("convolution: expected an image of at least the kernel's {kernel:?}, found {h} x {w}")
    };
    if rows == columns {
        return conv.forward(xs);
    }
    let side = config.padding;
    let xs = xs.pad_with_zeros(2, side, side)?.narrow(2, 0, h + 2 * side - rows)?;
    let xs = xs.pad_with_zeros(3, side, side)?.narrow(3, 0, w + 2 * side - columns)?;
    let config = Conv2dConfig { padding: 0, ..config };
    Conv2d::new(conv.weight().clone(), conv.bias().cloned(), config).forward(&xs.contiguous()?)
}

/// `weight` `(out, in)` times each of the `n` matrices of `xs` `(n, in, pixels)`, one by one: a 1x1 convolution in about 0.6
/// of the time of candle's. In one product of the whole batch the order of the sums, and so the last bits, would depend
/// on the number of images.
///
/// The gradient of the weight, which is a sum over the batch anyway, is one product.
pub(crate) fn pointwise(weight: &Tensor, xs: &Tensor) -> Result<Tensor> {
    let (out_channels, in_channels) = weight.dims2()?;
    let of_each =
        |weight: &Tensor, xs: &Tensor| weight.broadcast_as((xs.dim(0)?, out_channels, in_channels))?.matmul(xs);
    if !weight.track_op() {
        return of_each(weight, xs);
    }
    let product = of_each(&weight.detach(), &xs.detach())?;
    with_gradient(weight, xs, product, |weight, xs, grad| {
        // Images side by side in each row.
        let rows = |xs: &Tensor| {
            let (n, channels, pixels) = xs.dims3()?;
            xs.transpose(0, 1)?.contiguous()?.reshape((channels, n * pixels))
        };
        let for_weight = rows(grad)?.matmul(&rows(&xs.detach())?.t()?)?;
        if !xs.track_op() {
            return Ok((for_weight, None));
        }
        let (n, (rows, columns)) = (xs.dim(0)?, weight.dims2()?);
        let for_xs = Some(weight.detach().t()?.broadcast_as((n, columns, rows))?.matmul(grad)?);
        Ok((for_weight, for_xs))
    })
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    /// The gradient by finite differences: candle's own fails for these sides.
    #[test]
    fn a_stride_over_sides_of_different_parity_has_a_gradient() {
        let random = |shape: &[usize]| Tensor::randn(0f64, 1.0, shape, &Device::Cpu).unwrap();
        let (xs, weight) = (random(&[1, 2, 6, 5]), random(&[3, 2, 3, 3]));
        let config = Conv2dConfig { padding: 1, stride: 2, ..Default::default() };
        let weights = random(&[1, 3, 3, 3]);
        let loss = |xs: &Tensor, weight: &Tensor| {
            let conv = Conv2d::new(weight.clone(), None, config);
            (conv2d(&conv, xs).unwrap() * &weights).unwrap().sum_all().unwrap()
        };
        let (xs, weight) = (Var::from_tensor(&xs).unwrap(), Var::from_tensor(&weight).unwrap());
        let gradients = loss(&xs, &weight).backward().unwrap();
        for var in [&xs, &weight] {
            let gradient = gradients.get(var).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
            let values = var.flatten_all().unwrap().to_vec1::<f64>().unwrap();
            for place in 0..values.len() {
                let moved = |by: f64| {
                    let mut values = values.clone();
                    values[place] += by;
                    let moved = Tensor::from_vec(values, var.shape(), &Device::Cpu).unwrap();
                    let (xs, weight) =
                        if var.id() == xs.id() { (&moved, weight.as_tensor()) } else { (xs.as_tensor(), &moved) };
                    loss(xs, weight).to_scalar::<f64>().unwrap()
                };
                let slope = (moved(1e-4) - moved(-1e-4)) / 2e-4;
                assert!((gradient[place] - slope).abs() < 1e-6, "{place}: {} {slope}", gradient[place]);
            }
        }
    }

    #[test]
    fn every_way_equals_candles_convolution_with_gradients() {
        let config = |padding, stride, groups| Conv2dConfig { padding, stride, groups, ..Default::default() };
        for (kernel, config, biased) in [
            (1, config(0, 1, 1), true),
            (1, config(0, 1, 1), false),
            (3, config(1, 1, 1), true),
            (3, config(1, 2, 1), true),
            (3, config(0, 1, 1), false),
            (1, config(0, 2, 1), false),
            (3, config(1, 1, 2), true),
        ] {
            let random = |shape: &[usize]| Tensor::randn(0f32, 1.0, shape, &Device::Cpu).unwrap();
            let variable = |shape: &[usize]| Var::from_tensor(&random(shape)).unwrap();
            let (xs, weight, bias) =
                (variable(&[2, 4, 7, 5]), variable(&[8, 4 / config.groups, kernel, kernel]), variable(&[8]));
            let conv = Conv2d::new(weight.as_tensor().clone(), biased.then(|| bias.as_tensor().clone()), config);
            let (ours, theirs) = (conv2d(&conv, &xs).unwrap(), conv.forward(&xs).unwrap());
            let far = |a: &Tensor, b: &Tensor| -> f32 {
                (a - b).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
            };
            assert!(far(&ours, &theirs) < 1e-4, "{kernel} {config:?}");
            let weights = random(ours.dims());
            let gradients = |ys: &Tensor| (ys * &weights).unwrap().sum_all().unwrap().backward().unwrap();
            let (ours, theirs) = (gradients(&ours), gradients(&theirs));
            for var in [&xs, &weight, &bias].into_iter().take(if biased { 3 } else { 2 }) {
                assert!(far(ours.get(var).unwrap(), theirs.get(var).unwrap()) < 1e-3, "{kernel} {config:?}");
            }
        }
    }
}
