//! `target = rule(target, sources)` in place, for f32 on the CPU.

use candle_core::{CpuStorage, DType, InplaceOp2, InplaceOp3, Layout, Result, Tensor};
use rayon::prelude::*;

use crate::nn::values;

/// How many values a thread takes at once. Smaller tensors stay on the caller's thread.
const PART: usize = 1 << 16;

/// Whether [`update`] and [`update_by_two`] take `xs`; otherwise candle's own operations do the same.
pub(super) fn is_plain(xs: &Tensor) -> bool {
    xs.device().is_cpu() && xs.dtype() == DType::F32 && xs.is_contiguous()
}

/// Makes each `t` of `target` `rule(t, s)`, with the `s` at its place in `source`. Tensors of one shape; each value is on its
/// own, so that the number of threads changes nothing.
pub(super) fn update(target: &Tensor, source: &Tensor, rule: impl Fn(f32, f32) -> f32 + Sync) -> Result<()> {
    same_shape(target, source)?;
    target.inplace_op2(source, &Rule(rule))
}

/// The same with two sources.
pub(super) fn update_by_two(
    target: &Tensor,
    [first, second]: [&Tensor; 2],
    rule: impl Fn(f32, f32, f32) -> f32 + Sync,
) -> Result<()> {
    same_shape(target, first)?;
    same_shape(target, second)?;
    target.inplace_op3(first, second, &Rule(rule))
}

/// Refuses tensors of unlike shapes.
pub(super) fn same_shape(lhs: &Tensor, rhs: &Tensor) -> Result<()> {
    if lhs.shape() == rhs.shape() {
        return Ok(());
    }
    let (lhs, rhs) = (lhs.shape().clone(), rhs.shape().clone());
    Err(candle_core::Error::ShapeMismatchBinaryOp { lhs, rhs, op: NAME })
}

const NAME: &str = "optimiser step";

struct Rule<F>(F);

impl<F: Fn(f32, f32) -> f32 + Sync> InplaceOp2 for Rule<F> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, target: &mut CpuStorage, layout: &Layout, source: &CpuStorage, at: &Layout) -> Result<()> {
        let target = values_mut(target, layout)?.par_chunks_mut(PART);
        let source = values(source, at, NAME)?.par_chunks(PART);
        target.zip(source).for_each(|(target, source)| {
            target.iter_mut().zip(source).for_each(|(target, &source)| *target = self.0(*target, source));
        });
        Ok(())
    }
}

impl<F: Fn(f32, f32, f32) -> f32 + Sync> InplaceOp3 for Rule<F> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        target: &mut CpuStorage,
        layout: &Layout,
        first: &CpuStorage,
        first_at: &Layout,
        second: &CpuStorage,
        second_at: &Layout,
    ) -> Result<()> {
        let target = values_mut(target, layout)?.par_chunks_mut(PART);
        let first = values(first, first_at, NAME)?.par_chunks(PART);
        let second = values(second, second_at, NAME)?.par_chunks(PART);
        target.zip(first.zip(second)).for_each(|(target, (first, second))| {
            for ((target, &first), &second) in target.iter_mut().zip(first).zip(second) {
                *target = self.0(*target, first, second);
            }
        });
        Ok(())
    }
}

/// [`values`], to write.
fn values_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    let slice = match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => values.get_mut(start..end),
        _ => None,
    };
    match slice {
        Some(values) => Ok(values),
        None => candle_core::bail!("{NAME}: expected contiguous values in f32, found the layout {layout:?}"),
    }
}
