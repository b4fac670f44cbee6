//! Batches from the host to the GPU while the GPU computes.
#![allow(unsafe_code)]

use std::sync::Arc;

use candle_core::cuda_backend::cudarc::driver::{CudaEvent, CudaSlice, CudaStream, PinnedHostSlice};
use candle_core::{CudaDevice, CudaStorage, Device, InplaceOp1, Layout, Shape, Tensor, bail};

use crate::{Error, Result};

/// Uploads of f32 values through two page-locked buffers on a stream of their own.
///
/// A copy from ordinary memory makes the host wait and the device too. Here the host copies into one buffer while the device
/// fetches the other and computes on what came before. [`PinnedUploads::upload`] waits only if the upload before the
/// last is still under way.
///
/// Written for NVIDIA GPUs on a machine without one: it compiles, and has not been run yet.
///
/// # Determinism
///
/// The tensor holds exactly the values given.
#[derive(Debug)]
pub struct PinnedUploads {
    slots: [Slot; 2],
    next: usize,
    stream: Arc<CudaStream>,
    device: CudaDevice,
}

#[derive(Debug)]
struct Slot {
    pinned: PinnedHostSlice<f32>,
    staged: CudaSlice<f32>,
    /// The device has fetched the buffer.
    fetched: CudaEvent,
    /// The tensor has its values.
    taken: CudaEvent,
}

impl PinnedUploads {
    /// For uploads of at most `capacity` values, at least one; twice as many are held on the host and on the device.
    ///
    /// # Errors
    ///
    /// [`Error::Device`] for a device that is no GPU, [`Error::Argument`] without capacity, [`Error::Tensor`] if memory runs out.
    pub fn new(device: &Device, capacity: usize) -> Result<Self> {
        let Device::Cuda(device) = device else {
            let reason = "pinned uploads go to a GPU".to_owned();
            return Err(Error::Device { requested: format!("{:?}", device.location()), reason, source: None });
        };
        if capacity == 0 {
            return Err(Error::argument("PinnedUploads::new", "a capacity of at least 1", "0"));
        }
        Self::on(device, capacity).map_err(Error::tensor("pinned uploads"))
    }

    fn on(device: &CudaDevice, capacity: usize) -> candle_core::Result<Self> {
        let wrap = candle_core::Error::wrap;
        let stream = device.cuda_stream().context().new_stream().map_err(wrap)?;
        let context = stream.context();
        let slot = || {
            // SAFETY: page-locked memory and device memory alike are written by an upload before anything reads them, and any
            // bytes are values of f32.
            let (pinned, staged) = unsafe { (context.alloc_pinned(capacity), stream.alloc(capacity)) };
            let event = || context.new_event(None).map_err(wrap);
            let (pinned, staged) = (pinned.map_err(wrap)?, staged.map_err(wrap)?);
            candle_core::Result::Ok(Slot { pinned, staged, fetched: event()?, taken: event()? })
        };
        let slots = [slot()?, slot()?];
        Ok(Self { slots, next: 0, stream, device: device.clone() })
    }

    /// A new f32 tensor of `shape` on the device with `values`, row by row.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if there are no values, more than the capacity, or another number than the shape has;
    /// [`Error::Tensor`] if the device fails.
    pub fn upload(&mut self, values: &[f32], shape: impl Into<Shape>) -> Result<Tensor> {
        let (shape, capacity) = (shape.into(), self.slots[0].staged.len());
        if values.len() != shape.elem_count() || values.is_empty() || values.len() > capacity {
            let expected = format!("1 to {capacity} values, as many as the shape has");
            let found = format!("{} values for {:?}", values.len(), shape.dims());
            return Err(Error::argument("PinnedUploads::upload", expected, found));
        }
        self.send(values, shape).map_err(Error::tensor("pinned upload"))
    }

    fn send(&mut self, values: &[f32], shape: Shape) -> candle_core::Result<Tensor> {
        let wrap = candle_core::Error::wrap;
        let slot = &mut self.slots[self.next];
        self.next = 1 - self.next;
        // An event that was never recorded counts as passed.
        slot.fetched.synchronize().map_err(wrap)?;
        slot.pinned.as_mut_slice().map_err(wrap)?[..values.len()].copy_from_slice(values);
        self.stream.wait(&slot.taken).map_err(wrap)?;
        let source = &slot.pinned.as_slice().map_err(wrap)?[..values.len()];
        self.stream.memcpy_htod(source, &mut slot.staged).map_err(wrap)?;
        slot.fetched.record(&self.stream).map_err(wrap)?;
        // SAFETY: the copy below writes all of it, on the stream that any reader is on.
        let tensor = unsafe { Tensor::empty(shape, candle_core::DType::F32, &Device::Cuda(self.device.clone())) }?;
        let stream = self.device.cuda_stream();
        stream.wait(&slot.fetched).map_err(wrap)?;
        tensor.inplace_op1(&Take { staged: &slot.staged, stream: &stream })?;
        slot.taken.record(&stream).map_err(wrap)?;
        Ok(tensor)
    }
}

impl Drop for PinnedUploads {
    fn drop(&mut self) {
        // The buffers go back to the host and to the device: neither may be in use.
        for slot in &self.slots {
            let _ = slot.fetched.synchronize();
            let _ = slot.taken.synchronize();
        }
    }
}

/// Copies the first of the staged values into a tensor.
struct Take<'a> {
    staged: &'a CudaSlice<f32>,
    stream: &'a Arc<CudaStream>,
}

impl InplaceOp1 for Take<'_> {
    fn name(&self) -> &'static str {
        "pinned-upload"
    }

    fn cpu_fwd(&self, _: &mut candle_core::CpuStorage, _: &Layout) -> candle_core::Result<()> {
        bail!("pinned-upload: expected a tensor on a GPU")
    }

    fn cuda_fwd(&self, storage: &mut CudaStorage, _: &Layout) -> candle_core::Result<()> {
        let target = storage.as_cuda_slice_mut::<f32>()?;
        let Some(source) = self.staged.try_slice(..target.len()) else {
            bail!("pinned-upload: expected at most {} values, found {}", self.staged.len(), target.len())
        };
        self.stream.memcpy_dtod(&source, target).map_err(candle_core::Error::wrap)
    }
}
