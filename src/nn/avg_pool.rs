use candle_core::{Result, Tensor};

/// The mean over windows of `kernel` x `kernel` that do not overlap; rows and columns that fill no window are left out.
///
/// candle's own gradient is wrong where a side is no multiple of the kernel: it stretches the gradient over the whole side.
pub(crate) fn avg_pool2d(xs: &Tensor, kernel: usize) -> Result<Tensor> {
    let (_, _, h, w) = xs.dims4()?;
    xs.narrow(2, 0, h / kernel * kernel)?.narrow(3, 0, w / kernel * kernel)?.avg_pool2d(kernel)
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    #[test]
    fn what_fills_no_window_has_no_gradient() {
        let xs =
            Var::from_tensor(&Tensor::arange(0f32, 9.0, &Device::Cpu).unwrap().reshape((1, 1, 3, 3)).unwrap()).unwrap();
        let ys = avg_pool2d(&xs, 2).unwrap();
        assert_eq!(ys.flatten_all().unwrap().to_vec1::<f32>().unwrap(), [2.0]);
        let gradients = ys.sum_all().unwrap().backward().unwrap();
        let gradient = gradients.get(&xs).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(gradient, [0.25, 0.25, 0.0, 0.25, 0.25, 0.0, 0.0, 0.0, 0.0]);
    }
}
