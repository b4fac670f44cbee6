//! Programs on a GPU: prepared once for each size of batch, run again and again without waiting for the device.
#![allow(unsafe_code)]

use std::ops::Range;
use std::sync::Arc;

use candle_core::backend::BackendDevice;
use candle_core::cuda_backend::CudaDType;
use candle_core::cuda_backend::cudarc::cudnn::Cudnn;
use candle_core::cuda_backend::cudarc::driver::{
    CudaGraph, CudaSlice, CudaStream, DevicePtr, DevicePtrMut, DeviceRepr, sys,
};
use candle_core::{
    CudaDevice, CudaStorage, DType, Device, Error, InplaceOp1, Layout, Result, Storage, Tensor, bail,
};
use half::{bf16, f16};

use super::convolution::{self, Convolution};
use super::kernels::{Argument, Kernels, Launch};
use super::product::{Product, Products, WORKSPACE};
use super::{ALIGNMENT, Affine, Images, Program, Rows, Step, Values, Window};

/// Sizes of batch that are kept prepared, each with its own buffers.
const TAPES: usize = 4;

/// Runs programs over one set of parameters, on a stream of its own.
///
/// # Order of work
///
/// Work is queued and never waited for. The stream joins the device's before it reads or writes a tensor, and the device's joins it
/// afterwards, so that for everything else on the device a pass happens when it is called. Parameters and buffers are
/// touched on the machine's stream alone.
#[derive(Debug)]
pub(crate) struct Machine {
    /// The one in use is the last.
    tapes: Vec<Tape>,
    cudnn: Arc<Cudnn>,
    products: Products,
    kernels: Kernels,
    parameters: CudaSlice<u8>,
    /// Where the parameters lie.
    base: u64,
    dtype: DType,
    tf32: bool,
    stream: Arc<CudaStream>,
    device: CudaDevice,
}

// SAFETY: what keeps the machine from being `Send` are the handle of cuDNN with its descriptors and the recorded graphs. All
// of them are made, used and dropped through one machine only, never handed out, and every use of it is `&mut`, so that no two
// threads use one at once, which is what CUDA asks for: neither is bound to the thread that made it. The context is made
// current on the calling thread before each use.
unsafe impl Send for Machine {}

/// A program, prepared.
#[derive(Debug)]
struct Tape {
    images: Images,
    program: Program,
    work: Vec<Work>,
    replay: Replay,
    /// The program's buffers, then [`Tape::workspace`] bytes; freed with the tape.
    _buffers: CudaSlice<u8>,
    workspace: usize,
    /// Where the buffers lie. Their events are left alone, since a graph could not record them.
    base: u64,
}

#[derive(Debug)]
enum Work {
    Kernel(Launch),
    Product { product: Product, weight: u64, input: u64, output: u64 },
    Convolution { convolution: Box<dyn Convolution>, input: u64, kernel: u64, output: u64 },
}

/// How far a tape is with being recorded as a graph.
enum Replay {
    /// The libraries load what they need when they first run, which cannot be recorded.
    Cold,
    Warm,
    Recorded(CudaGraph),
    /// The driver or a library refused; work is queued step by step.
    Refused,
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Cold => "Cold",
            Self::Warm => "Warm",
            Self::Recorded(_) => "Recorded",
            Self::Refused => "Refused",
        })
    }
}

impl Machine {
    /// A machine on `device` over `parameters`, for values of `dtype`. `tf32` lets products and convolutions of f32 round
    /// their factors to TF32.
    ///
    /// # Errors
    ///
    /// Another type than f32, f16 and bf16, or whatever the driver and the libraries say.
    pub(crate) fn new(device: &CudaDevice, dtype: DType, parameters: &[u8], tf32: bool) -> Result<Self> {
        let stream = device.cuda_stream().context().new_stream().map_err(Error::wrap)?;
        stream.context().bind_to_thread().map_err(Error::wrap)?;
        let kernels = Kernels::new(stream.context(), dtype)?;
        let parameters = stream.clone_htod(parameters).map_err(Error::wrap)?;
        let base = parameters.device_ptr(&stream).0;
        Ok(Self {
            tapes: Vec::new(),
            cudnn: Cudnn::new(Arc::clone(&stream)).map_err(Error::wrap)?,
            products: Products::new(dtype, tf32)?,
            kernels,
            parameters,
            base,
            dtype,
            tf32,
            stream,
            device: device.clone(),
        })
    }

    /// Takes up the program for `images`, which is prepared if it is not among the last few.
    ///
    /// # Errors
    ///
    /// A shape that the libraries have no algorithm for, or a full device.
    pub(crate) fn take_up(&mut self, images: Images, program: &Program) -> Result<()> {
        self.stream.context().bind_to_thread().map_err(Error::wrap)?;
        if let Some(place) = self.tapes.iter().position(|tape| tape.images == images) {
            self.tapes[place..].rotate_left(1);
            return Ok(());
        }
        if self.tapes.len() >= TAPES {
            // The one time that the host waits: what is dropped may still be running.
            self.stream.synchronize().map_err(Error::wrap)?;
            self.tapes.remove(0);
        }
        let tape = self.prepare(images, program.clone())?;
        self.tapes.push(tape);
        Ok(())
    }

    /// Copies `xs` (n, channels, h, w) into the matrix `rows`, which has its channels; columns up to `width` become zero.
    pub(crate) fn import(&mut self, xs: &Tensor, rows: Rows, images: Images, width: usize) -> Result<()> {
        match self.dtype {
            DType::F16 => self.import_values::<f16>(xs, rows, images, width),
            DType::BF16 => self.import_values::<bf16>(xs, rows, images, width),
            _ => self.import_values::<f32>(xs, rows, images, width),
        }
    }

    fn import_values<T: CudaDType + DeviceRepr>(&mut self, xs: &Tensor, rows: Rows, images: Images, width: usize) -> Result<()> {
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

    /// Queues some of the steps.
    pub(crate) fn run(&mut self, steps: Range<usize>) -> Result<()> {
        self.queue(steps)
    }

    /// Queues all steps; from the third time on as one recorded graph, where the driver records one.
    pub(crate) fn run_all(&mut self, replay: bool) -> Result<()> {
        let steps = 0..current(&self.tapes)?.work.len();
        if !replay {
            return self.queue(steps);
        }
        let next = match &current(&self.tapes)?.replay {
            Replay::Recorded(graph) => return graph.launch().map_err(Error::wrap),
            Replay::Refused => return self.queue(steps),
            Replay::Cold => {
                self.queue(steps)?;
                Replay::Warm
            }
            Replay::Warm => match self.record(steps.clone()) {
                Some(graph) => {
                    graph.launch().map_err(Error::wrap)?;
                    Replay::Recorded(graph)
                }
                None => {
                    self.queue(steps)?;
                    Replay::Refused
                }
            },
        };
        if let Some(tape) = self.tapes.last_mut() {
            tape.replay = next;
        }
        Ok(())
    }

    /// Whether [`Machine::run_all`] replays a graph for `images`; `None` before it was tried.
    pub(crate) fn replays(&self, images: Images) -> Option<bool> {
        match self.tapes.iter().find(|tape| tape.images == images)?.replay {
            Replay::Cold | Replay::Warm => None,
            Replay::Recorded(_) => Some(true),
            Replay::Refused => Some(false),
        }
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

    fn parameter(&self, values: Values) -> Argument {
        Argument::Address(self.base + values.start as u64)
    }

    fn prepare(&self, images: Images, program: Program) -> Result<Tape> {
        if program.parameters() != self.parameters.len() || program.value() != self.dtype.size_in_bytes() {
            bail!("CUDA machine: expected a program over its {} bytes of {:?}", self.parameters.len(), self.dtype)
        }
        // Addresses are known once the buffers are there, and their size once the workspaces are known.
        let mut workspace = WORKSPACE;
        let mut convolutions = Vec::new();
        for step in program.steps() {
            if let &Step::Convolve { input, images, window, output, .. } = step {
                let shape = (input, images, window, output);
                let convolution = convolution::prepare((&self.cudnn, &self.stream), self.dtype, self.tf32, shape)?;
                workspace = workspace.max(convolution.workspace());
                convolutions.push(convolution);
            }
        }
        // SAFETY: every step writes its output before another reads it, and what a kernel does not write it does not
        // read; any bytes are values of any of the types.
        let buffers = unsafe { self.stream.alloc::<u8>(program.buffers().next_multiple_of(ALIGNMENT) + workspace) };
        let buffers = buffers.map_err(Error::wrap)?;
        let base = buffers.device_ptr(&self.stream).0;
        let mut tape = Tape { images, program, work: Vec::new(), replay: Replay::Cold, _buffers: buffers, workspace, base };
        let mut convolutions = convolutions.into_iter();
        let work = tape.program.steps().iter().map(|step| self.work(&tape, step, &mut convolutions));
        tape.work = work.collect::<Result<_>>()?;
        Ok(tape)
    }

    /// One step with its addresses. `convolutions` has those of the program, in order.
    fn work(&self, tape: &Tape, step: &Step, convolutions: &mut impl Iterator<Item = Box<dyn Convolution>>) -> Result<Work> {
        let at = |rows: Rows| Argument::Address(tape.base + rows.start as u64);
        let address = |argument| if let Argument::Address(address) = argument { address } else { 0 };
        let counts = |counts: &[usize]| counts.iter().map(|&count| Argument::count(count)).collect::<Result<Vec<_>>>();
        let kernel = |name, rows, columns, sizes: &[usize], addresses: &[Argument]| {
            self.kernels.launch(name, rows, columns, [&counts(sizes)?, addresses].concat()).map(Work::Kernel)
        };
        match *step {
            Step::Convolve { input, kernel, output, .. } => {
                let Some(convolution) = convolutions.next() else { bail!("CUDA machine: expected a prepared convolution") };
                let (input, kernel, output) = (address(at(input)), address(self.parameter(kernel)), address(at(output)));
                Ok(Work::Convolution { convolution, input, kernel, output })
            }
            Step::MaxPool { input, images, shift, output } => {
                let left = images.through(Window::POOL);
                let sizes = [images.h, images.w, left.h, left.w, output.columns, output.step];
                let addresses = [at(input), self.parameter(shift), at(output)];
                kernel("max_pool", output.rows, output.columns, &sizes, &addresses)
            }
            Step::Activate { block, fresh, affine, output } => {
                let grown = fresh.map_or(0, |fresh| fresh.columns);
                let sizes = [block.columns, grown, block.step];
                let lanes = if sizes.iter().all(|size| size.is_multiple_of(4)) { 4 } else { 1 };
                let name = if lanes == 4 { "activate4" } else { "activate1" };
                let fresh = fresh.map_or(Argument::Address(0), at);
                let (scale, shift) = (self.parameter(affine.scale), self.parameter(affine.shift));
                let addresses = [at(block), fresh, scale, shift, at(output)];
                kernel(name, output.rows, output.columns / lanes, &sizes, &addresses)
            }
            Step::Append { block, fresh } => {
                let sizes = [block.columns, fresh.columns, block.step];
                kernel("append", fresh.rows, fresh.columns, &sizes, &[at(block), at(fresh)])
            }
            Step::Halve { input, images, affine, output } => {
                let sizes = [images.h, images.w, output.columns, input.step];
                let addresses = [at(input), self.parameter(affine.scale), self.parameter(affine.shift), at(output)];
                kernel("halve", output.rows, output.columns, &sizes, &addresses)
            }
            Step::Mean { input, images, affine, output } => {
                let sizes = [images.h * images.w, output.columns, input.step];
                let addresses = [at(input), self.parameter(affine.scale), self.parameter(affine.shift), at(output)];
                kernel("mean", output.rows, output.columns, &sizes, &addresses)
            }
            Step::Product { input, weight, bias, relu, output } => {
                let bias = bias.map_or(0, |bias| address(self.parameter(bias)));
                let product = self.products.prepare(input, weight, bias, relu, output)?;
                let (weight, input, output) = (address(self.parameter(weight)), address(at(input)), address(at(output)));
                Ok(Work::Product { product, weight, input, output })
            }
        }
    }

    fn queue(&self, steps: Range<usize>) -> Result<()> {
        let tape = current(&self.tapes)?;
        let workspace = tape.base + tape.program.buffers().next_multiple_of(ALIGNMENT) as u64;
        for work in tape.work.get(steps).unwrap_or_default() {
            // SAFETY: `Program::new` has shown that each step's matrices and parameters lie within the program's sizes, `prepare`
            // that these are the sizes of the memory here, and `work` gives the arguments in the kernels' order. The memory
            // is freed on the same stream, behind all that was queued, and not before the tape is dropped.
            unsafe {
                match work {
                    Work::Kernel(launch) => launch.run(&self.stream)?,
                    Work::Product { product, weight, input, output } => {
                        self.products.run(product, [*weight, *input, *output, workspace], &self.stream)?;
                    }
                    Work::Convolution { convolution, input, kernel, output } => {
                        convolution.run(*input, *kernel, *output, (workspace, tape.workspace))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The steps as a graph, or `None` if the driver or a library does not let itself be recorded.
    fn record(&self, steps: Range<usize>) -> Option<CudaGraph> {
        // What other threads do with the device meanwhile is not recorded and does not disturb.
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        self.stream.begin_capture(mode).ok()?;
        let queued = self.queue(steps);
        let graph = self.stream.end_capture(sys::CUgraphInstantiate_flags(0));
        queued.ok().and(graph.ok().flatten())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Descriptors, graphs and kernels must outlive what was queued with them.
        let _ = self.stream.context().bind_to_thread();
        let _ = self.stream.synchronize();
    }
}

fn current(tapes: &[Tape]) -> Result<&Tape> {
    match tapes.last() {
        Some(tape) => Ok(tape),
        None => bail!("CUDA machine: expected a program to be taken up first"),
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

    fn cpu_fwd(&self, _: &mut candle_core::CpuStorage, _: &Layout) -> Result<()> {
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
