//! Naming a device.

use candle_core::Device;

use crate::{Error, Result};

/// The device called `name`: `cpu`, `cuda` (the first GPU) or `cuda:N`.
///
/// CUDA devices get a stream of their own, so that tensors may cross threads.
///
/// # Errors
///
/// [`Error::Config`] for another name, [`Error::Device`] if CUDA was not built in or the GPU is not there. There is
/// no silent fall back to the CPU.
pub fn device(name: &str) -> Result<Device> {
    let ordinal = match name {
        "cpu" => return Ok(Device::Cpu),
        "cuda" => Some(0),
        _ => name.strip_prefix("cuda:").and_then(|ordinal| ordinal.parse().ok()),
    };
    let ordinal = ordinal.ok_or_else(|| Error::config("device", "cpu, cuda or cuda:N", name))?;
    Device::new_cuda_with_stream(ordinal).map_err(|source| Error::Device {
        requested: name.to_owned(),
        reason: match source {
            candle_core::Error::NotCompiledWithCudaSupport => "built without CUDA: rebuild with `--features cuda`",
            _ => "no such GPU, or no driver for it",
        }
        .to_owned(),
        source: Some(source.into()),
    })
}
