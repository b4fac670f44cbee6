//! Programs on a GPU: prepared once for each size of batch, run again and again without waiting for the device.
#![allow(unsafe_code)]

use std::ops::Range;
use std::sync::Arc;

use candle_core::cuda_backend::cudarc::cudnn::Cudnn;
use candle_core::cuda_backend::cudarc::driver::{CudaGraph, CudaSlice, CudaStream, DevicePtr, sys};
use candle_core::{CudaDevice, DType, Error, Result, bail};

use super::convolution::{self, Convolution};
use super::kernels::{Argument, Kernels, Launch};
use super::product::{Product, Products, WORKSPACE};
use super::{ALIGNMENT, Images, Program, Rows, Step, Values, Window};

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
    pub(super) tapes: Vec<Tape>,
    cudnn: Arc<Cudnn>,
    products: Products,
    pub(super) kernels: Kernels,
    parameters: CudaSlice<u8>,
    /// Where the parameters lie.
    base: u64,
    pub(super) dtype: DType,
    tf32: bool,
    pub(super) stream: Arc<CudaStream>,
    pub(super) device: CudaDevice,
}

// SAFETY: what keeps the machine from being `Send` are the handles of cuDNN and cuBLASLt with their descriptors, and the recorded
// graphs. They are made, used and dropped through one machine only and never handed out, and the machine is not `Sync`, so
// that no two threads use one at once. That is what CUDA asks for: none is bound to the thread that made it. The context
// is made current on the calling thread before each use.
unsafe impl Send for Machine {}

/// A program, prepared.
#[derive(Debug)]
pub(super) struct Tape {
    images: Images,
    pub(super) program: Program,
    work: Vec<Work>,
    replay: Replay,
    /// The program's buffers, then [`Tape::workspace`] bytes; freed with the tape.
    _buffers: CudaSlice<u8>,
    workspace: usize,
    /// Where the buffers lie. Their events are left alone, since a graph could not record them.
    pub(super) base: u64,
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

    /// Queues some of the steps.
    pub(crate) fn run(&mut self, steps: Range<usize>) -> Result<()> {
        self.queue(steps)
    }

    /// Queues all steps: one by one at first, from the second time on as a graph, where the driver records one.
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

    pub(super) fn parameter(&self, values: Values) -> Argument {
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
        let mut tape =
            Tape { images, program, work: Vec::new(), replay: Replay::Cold, _buffers: buffers, workspace, base };
        let mut convolutions = convolutions.into_iter();
        let work = tape.program.steps().iter().map(|step| self.work(&tape, step, &mut convolutions));
        tape.work = work.collect::<Result<_>>()?;
        Ok(tape)
    }

    /// One step with its addresses. `convolutions` has those of the program, in order.
    fn work(
        &self,
        tape: &Tape,
        step: &Step,
        convolutions: &mut impl Iterator<Item = Box<dyn Convolution>>,
    ) -> Result<Work> {
        let at = |rows: Rows| Argument::Address(tape.base + rows.start as u64);
        let address = |argument| if let Argument::Address(address) = argument { address } else { 0 };
        let counts = |counts: &[usize]| counts.iter().map(|&count| Argument::count(count)).collect::<Result<Vec<_>>>();
        let kernel = |name, rows, columns, sizes: &[usize], addresses: &[Argument]| {
            self.kernels.launch(name, rows, columns, [&counts(sizes)?, addresses].concat()).map(Work::Kernel)
        };
        match *step {
            Step::Convolve { input, kernel, output, .. } => {
                let Some(convolution) = convolutions.next() else {
                    bail!("CUDA machine: expected a prepared convolution")
                };
                let (input, kernel, output) =
                    (address(at(input)), address(self.parameter(kernel)), address(at(output)));
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
                let (weight, input, output) =
                    (address(self.parameter(weight)), address(at(input)), address(at(output)));
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

pub(super) fn current(tapes: &[Tape]) -> Result<&Tape> {
    match tapes.last() {
        Some(tape) => Ok(tape),
        None => bail!("CUDA machine: expected a program to be taken up first"),
    }
}
