//! Stands in for kernels of `crate::nn` that are still to land.
use candle_core::{Result, Tensor};
use candle_nn::{BatchNorm, Conv2d, Module, ModuleT};

pub(super) fn norm(norm: &BatchNorm, xs: &Tensor, train: bool) -> Result<Tensor> {
    norm.forward_t(xs, train)?.contiguous()
}

pub(super) fn norm_relu(bn: &BatchNorm, xs: &Tensor, train: bool) -> Result<Tensor> {
    norm(bn, xs, train)?.relu()
}

pub(super) fn conv2d(conv: &Conv2d, xs: &Tensor) -> Result<Tensor> {
    let config = conv.config();
    if conv.weight().dims()[2..] == [3, 3] && config.stride == 1 && config.padding == 1 && conv.bias().is_none() {
        return crate::nn::conv3x3(conv, xs);
    }
    conv.forward(&xs.contiguous()?)
}

pub(super) fn max_pool2d(xs: &Tensor, kernel: usize, stride: usize, padding: usize) -> Result<Tensor> {
    if padding == 0 {
        return xs.contiguous()?.max_pool2d_with_stride(kernel, stride);
    }
    let (_, _, h, w) = xs.dims4()?;
    let padded = (xs + 1.0)?.pad_with_zeros(2, padding, padding)?.pad_with_zeros(3, padding, padding)?;
    let mut most = None::<Tensor>;
    for y in 0..kernel {
        for x in 0..kernel {
            let part = padded.narrow(2, y, h)?.narrow(3, x, w)?;
            most = Some(match most {
                Some(most) => most.maximum(&part)?,
                None => part,
            });
        }
    }
    most.unwrap_or(padded) - 1.0
}
