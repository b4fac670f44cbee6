//! Gradients of the built-in losses.
//!
//! The values come from [`super::rows`], bit for bit as without gradients; only where an argument is part of a graph does
//! the result become part of it too. Gradients are computed in f64 from the formulas and rounded to each argument's type.
//! At a kink they are PyTorch's: 0 where a difference is 0, and at a clipping bound what it is inside.

use candle_core::{CpuStorage, CustomOp2, D, DType, Device, Layout, Result, Shape, Tensor};

use super::losses::EPSILON;
use super::rows::{Rows, bounds};
use crate::contract::HandlerResult;

/// A loss as a function whose gradient is known. `g` is the ground truth's row, `p` the prediction's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gradient {
    /// `mean((g - p)^2)`
    Squared,
    /// `mean((ln(1 + g) - ln(1 + p))^2)`
    SquaredLogarithmic,
    /// `mean(|g - p|)`
    Absolute,
    /// `mean(|g - p| / |g|)`
    AbsolutePercentage,
    /// `-sum(g * ln(clip(p / sum(p))))`
    Categorical,
    /// `-sum(g * ln c + (1 - g) * ln(1 - c))` with `c = clip(p)`
    Binary,
}

impl Gradient {
    /// `values` `(n,)`, with this gradient where one of the arguments wants one.
    pub(super) fn attach(self, values: Rows, ground_truth: &Tensor, prediction: &Tensor) -> HandlerResult<Tensor> {
        let device = ground_truth.device();
        if !ground_truth.track_op() && !prediction.track_op() {
            return values.into_tensor(DType::F32, device);
        }
        let values = values.into_values();
        let rows =
            |xs: &Tensor| xs.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.contiguous()?.reshape((values.len(), ()));
        let (g, p) = (rows(ground_truth)?, rows(prediction)?);
        let bounds = bounds(prediction.dtype(), EPSILON, 1.0 - EPSILON);
        Ok(g.apply_op2(&p, Differentiable { gradient: self, values, bounds })?.to_device(device)?)
    }
}

/// Values that are known already, and how they follow from rows `g` `(n, a)` and `p` `(n, b)`, f64, where `a` and `b` are equal or
/// one of them is 1.
struct Differentiable {
    gradient: Gradient,
    values: Vec<f64>,
    /// Where probabilities are clipped.
    bounds: (f64, f64),
}

impl Differentiable {
    /// The derivatives for each pair of values, `(n, max(a, b))`, for `g` and for what stands for `p`.
    fn for_pairs(&self, g: &Tensor, p: &Tensor) -> Result<(Tensor, Tensor)> {
        let width = g.dim(1)?.max(p.dim(1)?) as f64;
        let shape = (g.dim(0)?, g.dim(1)?.max(p.dim(1)?));
        let (g, p) = (g.broadcast_as(shape)?, p.broadcast_as(shape)?);
        let difference = (&g - &p)?;
        let (for_g, for_p) = match self.gradient {
            Gradient::Squared => {
                let slope = (difference * (2.0 / width))?;
                (slope.clone(), slope.neg()?)
            }
            Gradient::SquaredLogarithmic => {
                let (g, p) = ((g + 1.0)?, (p + 1.0)?);
                let slope = ((g.log()? - p.log()?)? * (2.0 / width))?;
                ((&slope / g)?, (slope / p)?.neg()?)
            }
            Gradient::Absolute => {
                let slope = (sign(&difference)? / width)?;
                (slope.clone(), slope.neg()?)
            }
            Gradient::AbsolutePercentage => {
                let sign_of = (sign(&difference)? / width)?;
                // Of `|g - p| / |g|` for g: `sign(g - p) * p * sign(g) / g^2`, without a difference of large numbers.
                let for_g = ((&sign_of * &p)? * (sign(&g)? / g.sqr()?)?)?;
                (for_g, (sign_of / g.abs()?)?.neg()?)
            }
            Gradient::Categorical => {
                let clipped = self.clip(&p)?;
                (clipped.log()?.neg()?, ((g / clipped)?.neg()? * self.inside(&p)?)?)
            }
            Gradient::Binary => {
                let clipped = self.clip(&p)?;
                let complement = (1.0 - &clipped)?;
                let slope = ((&g / &clipped)? - ((1.0 - &g)? / &complement)?)?;
                ((complement.log()? - clipped.log()?)?, (slope.neg()? * self.inside(&p)?)?)
            }
        };
        Ok((for_g, for_p))
    }

    fn clip(&self, p: &Tensor) -> Result<Tensor> {
        p.clamp(self.bounds.0, self.bounds.1)
    }

    /// 1 where clipping changes nothing, 0 where it does.
    fn inside(&self, p: &Tensor) -> Result<Tensor> {
        (p.ge(self.bounds.0)? * p.le(self.bounds.1)?)?.to_dtype(DType::F64)
    }
}

/// 1, 0 or -1.
fn sign(xs: &Tensor) -> Result<Tensor> {
    xs.gt(0f64)?.to_dtype(DType::F64)? - xs.lt(0f64)?.to_dtype(DType::F64)?
}

/// `slopes` of a row that was repeated to their width belong to its one value together.
fn gather(slopes: Tensor, width: usize) -> Result<Tensor> {
    if slopes.dim(1)? == width { Ok(slopes) } else { slopes.sum_keepdim(D::Minus1) }
}

impl CustomOp2 for Differentiable {
    fn name(&self) -> &'static str {
        "built-in loss"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        let values: Vec<f32> = self.values.iter().map(|&value| value as f32).collect();
        let shape = values.len().into();
        Ok((CpuStorage::F32(values), shape))
    }

    fn bwd(&self, g: &Tensor, p: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let share = |slopes: &Tensor| slopes.broadcast_mul(&grad.to_dtype(DType::F64)?.unsqueeze(1)?);
        let (g, p) = (g.detach(), p.detach());
        let (for_g, for_p) = if self.gradient == Gradient::Categorical {
            // Through the division by the row's sum.
            let sum = p.sum_keepdim(D::Minus1)?;
            let q = p.broadcast_div(&sum)?;
            let (for_g, for_q) = self.for_pairs(&g, &q)?;
            let for_q = gather(for_q, p.dim(1)?)?;
            let along = (&for_q * &q)?.sum_keepdim(D::Minus1)?;
            (for_g, for_q.broadcast_sub(&along)?.broadcast_div(&sum)?)
        } else {
            self.for_pairs(&g, &p)?
        };
        let (for_g, for_p) = (gather(for_g, g.dim(1)?)?, gather(for_p, p.dim(1)?)?);
        Ok((Some(share(&for_g)?), Some(share(&for_p)?)))
    }
}
