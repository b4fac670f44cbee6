use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};

use super::batch_stats::is_plain;
use super::values;

/// `x / (1 + exp(-x))` (Elfwing et al., arXiv:1702.03118), also called swish.
pub(crate) fn silu(xs: &Tensor) -> Result<Tensor> {
    if is_plain(xs) {
        return xs.contiguous()?.apply_op1(Activation::Silu);
    }
    xs.silu()
}

/// `x * (1 + erf(x / sqrt(2))) / 2` (Hendrycks and Gimpel, arXiv:1606.08415), not the approximation by a tanh.
#[cfg_attr(not(feature = "zoo"), allow(dead_code))]
pub(crate) fn gelu(xs: &Tensor) -> Result<Tensor> {
    if is_plain(xs) {
        return xs.contiguous()?.apply_op1(Activation::Gelu);
    }
    xs.gelu_erf()
}

#[derive(Debug, Clone, Copy)]
enum Activation {
    Silu,
    Gelu,
}

impl CustomOp1 for Activation {
    fn name(&self) -> &'static str {
        "activation"
    }

    fn cpu_fwd(&self, xs: &CpuStorage, at: &Layout) -> Result<(CpuStorage, Shape)> {
        let xs = values(xs, at, CustomOp1::name(self))?;
        let result = match self {
            Self::Silu => xs.iter().map(|&x| x * sigmoid(x)).collect(),
            Self::Gelu => xs.iter().map(|&x| x * normal_cdf(x)).collect(),
        };
        Ok((CpuStorage::F32(result), at.shape().clone()))
    }

    fn bwd(&self, xs: &Tensor, _result: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(xs.contiguous()?.apply_op2_no_bwd(&grad.contiguous()?, &Slope(*self))?))
    }
}

/// The input and the gradient of the result to the gradient of the input.
struct Slope(Activation);

impl CustomOp2 for Slope {
    fn name(&self) -> &'static str {
        "activation-gradient"
    }

    fn cpu_fwd(
        &self,
        xs: &CpuStorage,
        at: &Layout,
        grad: &CpuStorage,
        grad_at: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (xs, grad) = (values(xs, at, self.name())?, values(grad, grad_at, self.name())?);
        let pairs = xs.iter().zip(grad);
        let result = match self.0 {
            Activation::Silu => pairs
                .map(|(&x, &grad)| {
                    let s = sigmoid(x);
                    grad * s * (1.0 + x * (1.0 - s))
                })
                .collect(),
            Activation::Gelu => {
                pairs.map(|(&x, &grad)| grad * (normal_cdf(x) + x * DENSITY_AT_0 * exp(-0.5 * x * x))).collect()
            }
        };
        Ok((CpuStorage::F32(result), at.shape().clone()))
    }
}

/// `1 / sqrt(2 pi)`.
const DENSITY_AT_0: f32 = 0.398_942_3;

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The distribution function of the normal distribution, by formula 7.1.26 of Abramowitz and Stegun, *Handbook of
/// Mathematical Functions*: within 1e-7.
fn normal_cdf(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * z);
    let series = t * (0.254_829_6 + t * (-0.284_496_74 + t * (1.421_413_7 + t * (-1.453_152 + t * 1.061_405_4))));
    let tail = 0.5 * series * exp(-z * z);
    if x < 0.0 { tail } else { 1.0 - tail }
}

/// `e^x` within 3e-7 of its value, in steps that a compiler can do on several numbers at once. Beyond ±87 the result is that of ±87:
/// nothing overflows. NaN stays NaN.
fn exp(x: f32) -> f32 {
    /// Adding it to a small number rounds that to an integer, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let x = if x > 87.0 { 87.0 } else { x };
    let x = if x < -87.0 { -87.0 } else { x };
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let power = rounded - ROUND;
    // ln 2 in two parts, so that little is lost.
    let rest = x - power * 0.693_359_4 + power * 2.121_944_4e-4;
    // Taylor's series: |rest| is below 0.35.
    let series = 1.0
        + rest * (1.0 + rest * (0.5 + rest * (1.0 / 6.0 + rest * (1.0 / 24.0 + rest * (1.0 / 120.0 + rest / 720.0)))));
    series * f32::from_bits(rounded.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23)
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    fn numbers() -> Vec<f32> {
        (-2000..=2000).map(|i| i as f32 * 0.01).chain([-1e30, -100.0, -88.5, 88.5, 100.0]).collect()
    }

    #[test]
    fn exp_is_exact_to_a_few_digits_of_f32() {
        for x in (-8600..=8600).map(|i| i as f32 * 0.01) {
            let (found, expected) = (f64::from(exp(x)), f64::from(x).exp());
            assert!((found / expected - 1.0).abs() < 5e-7, "{x}: {found} instead of {expected}");
        }
        assert!(exp(f32::NAN).is_nan() && exp(f32::INFINITY).is_finite() && exp(f32::NEG_INFINITY) < 2e-38);
    }

    #[test]
    fn equal_candles_with_gradients() {
        let xs = Var::new(numbers(), &Device::Cpu).unwrap();
        let far = |a: &Tensor, b: &Tensor| {
            let (a, b) = (a.to_vec1::<f32>().unwrap(), b.to_vec1::<f32>().unwrap());
            let relative = |(a, b): (f32, f32)| f64::from((a - b).abs()) / f64::from(b.abs()).max(1.0);
            a.into_iter().zip(b).map(relative).fold(0.0, f64::max)
        };
        let slope = |ys: &Tensor| ys.sum_all().unwrap().backward().unwrap().get(&xs).unwrap().clone();
        for (ours, theirs) in [(silu(&xs).unwrap(), xs.silu().unwrap()), (gelu(&xs).unwrap(), xs.gelu_erf().unwrap())] {
            assert!(far(&ours, &theirs) < 1e-6, "{}", far(&ours, &theirs));
            assert!(far(&slope(&ours), &slope(&theirs)) < 2e-6, "{}", far(&slope(&ours), &slope(&theirs)));
        }
    }

    #[test]
    fn nan_stays_nan() {
        let xs = Tensor::new(&[f32::NAN], &Device::Cpu).unwrap();
        for ys in [silu(&xs), gelu(&xs)] {
            assert!(ys.unwrap().to_vec1::<f32>().unwrap()[0].is_nan());
        }
    }
}
