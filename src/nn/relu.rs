use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::batch_stats::is_plain;
use super::values;

/// `max(0, x)`. The gradient at 0 is 0, as in PyTorch; candle's own is 1 there. NaN stays NaN.
pub(crate) fn relu(xs: &Tensor) -> Result<Tensor> {
    if is_plain(xs) {
        return xs.contiguous()?.apply_op1(Relu);
    }
    // candle's own gives NaN as 0 in some types, and a gradient of 1 at 0 in all.
    xs.le(0f64)?.where_cond(&xs.zeros_like()?.detach(), xs)
}

struct Relu;

impl CustomOp1 for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }

    fn cpu_fwd(&self, xs: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let ys = values(xs, layout, self.name())?.iter().map(|&x| if x < 0.0 { 0.0 } else { x });
        Ok((CpuStorage::F32(ys.collect()), layout.shape().clone()))
    }

    fn bwd(&self, _xs: &Tensor, ys: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some((grad * ys.gt(0f32)?.to_dtype(grad.dtype())?)?))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};

    use super::*;

    #[test]
    fn values_and_gradient_in_both_ways() {
        for dtype in [DType::F32, DType::F64] {
            let xs = Tensor::new(&[-2f32, 0.0, 3.0, f32::NAN], &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
            let xs = Var::from_tensor(&xs).unwrap();
            let ys = relu(&xs).unwrap();
            let values = ys.to_dtype(DType::F32).unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(values[..3], [0.0, 0.0, 3.0]);
            assert!(values[3].is_nan());
            let gradients = ys.narrow(0, 0, 3).unwrap().sum_all().unwrap().backward().unwrap();
            let gradient = gradients.get(&xs).unwrap().to_dtype(DType::F32).unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(gradient, [0.0, 0.0, 1.0, 0.0]);
        }
    }
}
