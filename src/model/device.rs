//! Naming a device.

use candle_core::{DType, Device};

use crate::{Error, Result};

/// The device called `name`: `cpu`, `cuda` (the first GPU) or `cuda:N`.
///
/// CUDA devices get a stream of their own, so that tensors may cross threads.
///
/// # Errors
///
/// [`Error::Config`] for another name, [`Error::Device`] if CUDA was not built in or the GPU is not there, with the
/// driver's own words. There is no silent fall back to the CPU.
///
/// # Without NVIDIA's libraries
///
/// A program built with the feature `cuda` is linked with the driver (`libcuda.so.1`), cuBLAS, cuRAND and NVRTC, with
/// `cudnn` also with cuDNN. Where one of these is missing altogether, the system's loader does not start the program,
/// names the file and exits with 127, before this function or any other code can run. A machine without a GPU
/// therefore takes a build without the feature; a machine with the libraries but no GPU gets the error above.
pub fn device(name: &str) -> Result<Device> {
    let ordinal = match name {
        "cpu" => return Ok(Device::Cpu),
        "cuda" => Some(0),
        _ => name.strip_prefix("cuda:").and_then(|ordinal| ordinal.parse::<u16>().ok()),
    };
    let ordinal = ordinal.ok_or_else(|| Error::config("device", "cpu, cuda or cuda:N", name))?;
    Device::new_cuda_with_stream(ordinal.into()).map_err(|source| Error::Device {
        requested: name.to_owned(),
        reason: match &source {
            candle_core::Error::NotCompiledWithCudaSupport => {
                "built without CUDA: rebuild with `--features cuda`".to_owned()
            }
            // candle wraps the driver's words in a context and, on request, a backtrace; the first line is enough.
            _ => {
                let said = source.to_string();
                format!("no such GPU, or no driver for it ({})", said.lines().next().unwrap_or_default())
            }
        },
        source: Some(source.into()),
    })
}

/// The number type called `name`: `f32`, `f16` or `bf16`.
///
/// # Errors
///
/// [`Error::Config`] for another name.
pub fn dtype(name: &str) -> Result<DType> {
    match name {
        "f32" => Ok(DType::F32),
        "f16" => Ok(DType::F16),
        "bf16" => Ok(DType::BF16),
        _ => Err(Error::config("dtype", "f32, f16 or bf16", name)),
    }
}

/// Refuses a type that a network cannot be run in on `device`: candle has no matrix product of bf16 on the CPU.
pub(super) fn check_dtype(device: &Device, dtype: DType) -> Result<()> {
    let reason = match dtype {
        DType::F32 | DType::F16 | DType::F64 => return Ok(()),
        DType::BF16 if !device.is_cpu() => return Ok(()),
        DType::BF16 => "candle has no bf16 products on the CPU: take f32 or f16, or a DenseNet with the fused engine",
        _ => "networks are run in f32, f16, bf16 or f64",
    };
    let requested = format!("{:?} in {dtype:?}", device.location());
    Err(Error::Device { requested, reason: reason.to_owned(), source: None })
}
