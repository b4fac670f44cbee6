//! Tensors into the machine's memory and out of it.
#![allow(unsafe_code)]

use candle_core::backend::BackendDevice;
use candle_core::cuda_backend::CudaDType;
use candle_core::cuda_backend::cudarc::driver::{DevicePtr, DevicePtrMut, DeviceRepr};
use candle_core::{CpuStorage, CudaStorage, DType, Device, Error, InplaceOp1, Layout, Result, Storage, Tensor, bail};
use half::{bf16, f16};

use super::kernels::Argument;
use super::machine::{Machine, Tape, current};
use super::{Affine, Images, Rows};

impl Machine {
    /// Copies `xs` (n, channels, h, w) into the matrix `rows`, which has its channels; columns up to `width` become zero.
    pub(crate) fn import(&mut self, xs: &Tensor, rows: Rows, images: Images, width: usize) -> Result<()> {
        match self.dtype {
            DType::F16 => self.import_values::<f16>(xs, rows, images, width),
            DType::BF16 => self.import_values::<bf16>(xs, rows, images, width),
            _ => self.import_values::<f32>(xs, rows, images, width),
        }
    }

    fn import_values<T: CudaDType + DeviceRepr>(
        &mut self,
        xs: &Tensor,
        rows: Rows,
        images: Images,
        width: usize,
    ) -> Result<()> {
        let tape = current(&self.tapes)?;
        let pixels = images.h * images.w;
        if xs.dims() != [images.n, rows.columns, images.h, images.w]
            || images.rows() != rows.rows
            || width < rows.columns
            || !tape.program.holds(&rows, width - rows.columns)
        {
            bail!("CUDA machine: expected a tensor of the shape of {rows:?}, found {:?} for {images:?}", xs.dims())
        }
        let xs = xs.contiguous()?;
        let (storage, layout) = xs.storage_and_layout();
        let Storage::Cuda(storage) = &*storage else { bail!("CUDA machine: expected a tensor on a GPU") };
        if !storage.device.same_device(&self.device) {
            bail!("CUDA machine: expected a tensor on the machine's own device")
        }
        self.stream.join(&self.device.cuda_stream()).map_err(Error::wrap)?;
        {
            let slice = storage.as_cuda_slice::<T>()?;
            let Some(view) = slice.try_slice(layout.start_offset()..layout.start_offset() + xs.elem_count()) else {
                bail!("CUDA machine: expected the tensor's values in its storage")
            };
            let (source, _read) = view.device_ptr(&self.stream);
            let arguments = vec![
                Argument::count(pixels)?,
                Argument::count(rows.columns)?,
                Argument::count(width)?,
                Argument::count(rows.step)?,
                Argument::Address(source),
                Argument::Address(tape.base + rows.start as u64),
            ];
            let launch = self.kernels.launch("from_planes", rows.rows, width, arguments)?;
            // SAFETY: these are the kernel's arguments. The source has (n, channels, pixels) values, as was checked, and the
            // matrix lies within the buffers with `width` columns. The join below keeps the source until it was read.
            unsafe { launch.run(&self.stream) }?;
        }
        self.device.cuda_stream().join(&self.stream).map_err(Error::wrap)
    }

    /// The matrix `rows` as a new tensor (n, channels, h, w), through `affine` where there is one.
    pub(crate) fn export(&mut self, rows: Rows, images: Images, affine: Option<Affine>) -> Result<Tensor> {
        let tape = current(&self.tapes)?;
        if images.rows() != rows.rows
            || !tape.program.holds(&rows, 0)
            || affine.is_some_and(|affine| !tape.program.has_affine(&affine, rows.columns))
        {
            bail!("CUDA machine: expected a matrix of its buffers, found {rows:?} for {images:?} and {affine:?}")
        }
        let shape = (images.n, rows.columns, images.h, images.w);
        // SAFETY: every value is written below before anyone sees the tensor.
        let ys = unsafe { Tensor::empty(shape, self.dtype, &Device::Cuda(self.device.clone())) }?;
        self.stream.join(&self.device.cuda_stream()).map_err(Error::wrap)?;
        ys.inplace_op1(&Export { machine: self, tape, rows, images, affine })?;
        self.device.cuda_stream().join(&self.stream).map_err(Error::wrap)?;
        Ok(ys)
    }
}

/// Writes a matrix into a tensor of its size.
struct Export<'a> {
    machine: &'a Machine,
    tape: &'a Tape,
    rows: Rows,
    images: Images,
    affine: Option<Affine>,
}

impl Export<'_> {
    fn write<T: CudaDType + DeviceRepr>(&self, storage: &mut CudaStorage) -> Result<()> {
        let Self { machine, tape, rows, images, affine } = *self;
        let stream = &machine.stream;
        let slice = storage.as_cuda_slice_mut::<T>()?;
        if slice.len() != rows.rows * rows.columns {
            bail!("CUDA machine: expected a tensor of the size of {rows:?}, found {} values", slice.len())
        }
        let (target, _written) = slice.device_ptr_mut(stream);
        let [scale, shift] = affine.map_or([Argument::Address(0); 2], |affine| {
            [machine.parameter(affine.scale), machine.parameter(affine.shift)]
        });
        let arguments = vec![
            Argument::count(images.h * images.w)?,
            Argument::count(rows.columns)?,
            Argument::count(rows.step)?,
            Argument::Address(tape.base + rows.start as u64),
            scale,
            shift,
            Argument::Address(target),
        ];
        let launch = machine.kernels.launch("to_planes", rows.rows, rows.columns, arguments)?;
        // SAFETY: these are the kernel's arguments. The matrix lies within the buffers and the affine within the parameters,
        // as `export` has checked, and the target has as many values as the matrix.
        unsafe { launch.run(stream) }
    }
}

impl InplaceOp1 for Export<'_> {
    fn name(&self) -> &'static str {
        "cuda-export"
    }

    fn cpu_fwd(&self, _: &mut CpuStorage, _: &Layout) -> Result<()> {
        bail!("cuda-export: expected a tensor on a GPU")
    }

    fn cuda_fwd(&self, storage: &mut CudaStorage, _: &Layout) -> Result<()> {
        match self.machine.dtype {
            DType::F16 => self.write::<f16>(storage),
            DType::BF16 => self.write::<bf16>(storage),
            _ => self.write::<f32>(storage),
        }
    }
}
