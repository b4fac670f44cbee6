//! A small machine for feature maps on NVIDIA GPUs, and uploads that overlap with it.
//!
//! A [`Program`] is plain data: steps over parameters and buffers. [`Machine`] runs it with cuBLASLt for products, cuDNN for
//! convolutions and the kernels of `densenet.cu`, which NVRTC compiles at run time. The steps are also taken by an interpreter in
//! the tests, so that whatever plans a program is tested without a GPU.

#[cfg(feature = "cudnn")]
mod convolution;
#[cfg(feature = "cudnn")]
mod exchange;
#[cfg(test)]
mod interpret;
#[cfg(feature = "cudnn")]
mod kernels;
#[cfg(feature = "cudnn")]
mod machine;
#[cfg(feature = "cudnn")]
mod product;
#[cfg(any(test, feature = "cudnn"))]
mod program;
#[cfg(feature = "cuda")]
mod uploads;

#[cfg(test)]
pub(crate) use interpret::Memory;
#[cfg(feature = "cudnn")]
pub(crate) use machine::Machine;
#[cfg(any(test, feature = "cudnn"))]
pub(crate) use program::{ALIGNMENT, Affine, Images, Program, Rows, Step, Values, Window};
#[cfg(feature = "cuda")]
pub use uploads::PinnedUploads;
