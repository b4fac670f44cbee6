//! DenseNet in evaluation on NVIDIA GPUs, compiled from the plain network's weights.

#[cfg(feature = "cudnn")]
mod densenet;
mod fold;
mod plan;
#[cfg(test)]
mod tests;

#[cfg(feature = "cudnn")]
pub use densenet::{CudaDenseNet, CudaOptions};
