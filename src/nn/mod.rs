//! Tensor kernels that candle lacks or has slowly on the CPU. Each has a gradient, and other devices get the same result
//! from candle's own operations.
//!
//! On the CPU candle shares large element-wise operations out to a pool of spinning threads, one caller at a time. Images
//! that are scored side by side would wait for each other there, so these kernels stay on their caller's thread.

mod activation;
mod avg_pool;
mod batch_stats;
mod conv;
mod conv3x3;
#[cfg(any(test, feature = "cuda"))]
pub(crate) mod cuda;
#[cfg(feature = "zoo")]
mod depthwise;
mod dropout;
pub(crate) mod fused;
mod max_pool;
mod norm;
mod recompute;
mod relu;

#[cfg(feature = "zoo")]
pub(crate) use activation::gelu;
pub(crate) use activation::silu;
pub(crate) use avg_pool::avg_pool2d;
pub(crate) use conv::{conv2d, pointwise};
#[cfg(feature = "zoo")]
pub(crate) use depthwise::depthwise;
#[cfg(feature = "zoo")]
pub(crate) use dropout::drop_path;
pub(crate) use dropout::dropout;
pub(crate) use max_pool::max_pool2d;
pub(crate) use norm::{Statistics, norm, norm_relu, normalise};
pub(crate) use recompute::{Run, recompute};
pub(crate) use relu::relu;

use candle_core::{CpuStorage, Layout, Result};

/// The values of a contiguous f32 tensor.
pub(crate) fn values<'a>(storage: &'a CpuStorage, layout: &Layout, op: &'static str) -> Result<&'a [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        candle_core::bail!("{op}: expected a contiguous tensor, found strides {:?}", layout.stride())
    };
    match storage.as_slice::<f32>()?.get(start..end) {
        Some(values) => Ok(values),
        None => candle_core::bail!("{op}: expected values {start}..{end} in the tensor's storage"),
    }
}
