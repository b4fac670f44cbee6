//! The kernels of `densenet.cu`, compiled for the GPU at hand, and their launches.
#![allow(unsafe_code)]

use std::sync::Arc;

use candle_core::cuda_backend::cudarc::driver::{
    CudaContext, CudaFunction, CudaModule, CudaStream, LaunchConfig, PushKernelArg,
};
use candle_core::cuda_backend::cudarc::nvrtc::{CompileOptions, compile_ptx_with_opts};
use candle_core::{DType, Error, Result, bail};

/// Threads of a block.
const THREADS: usize = 256;

/// The compiled kernels for one type of values.
#[derive(Debug)]
pub(super) struct Kernels(Arc<CudaModule>);

impl Kernels {
    /// Compiles them with NVRTC; takes some tenths of a second.
    pub(super) fn new(context: &Arc<CudaContext>, dtype: DType) -> Result<Self> {
        let value = match dtype {
            DType::F32 => "float",
            DType::F16 => "f16",
            DType::BF16 => "bf16",
            other => bail!("CUDA kernels: expected f32, f16 or bf16, found {other:?}"),
        };
        let (major, minor) = context.compute_capability().map_err(Error::wrap)?;
        let options =
            vec![format!("--gpu-architecture=compute_{major}{minor}"), format!("--define-macro=VALUE={value}")];
        let name = Some("densenet.cu".to_owned());
        let options = CompileOptions { options, name, ..Default::default() };
        let ptx = compile_ptx_with_opts(include_str!("densenet.cu"), options).map_err(Error::wrap)?;
        Ok(Self(context.load_module(ptx).map_err(Error::wrap)?))
    }

    /// The kernel `name` with a thread for each of `rows` x `columns` places, and what it is called with. The kernel's first
    /// argument is `rows`.
    ///
    /// # Errors
    ///
    /// More rows or columns than a grid can have.
    pub(super) fn launch(&self, name: &str, rows: usize, columns: usize, arguments: Vec<Argument>) -> Result<Launch> {
        let across = columns.next_power_of_two().clamp(1, 32);
        let down = THREADS / across;
        let (Ok(grid_x), Ok(grid_y), true) =
            (u32::try_from(rows.div_ceil(down)), u16::try_from(columns.div_ceil(across)), i32::try_from(rows).is_ok())
        else {
            bail!("{name}: expected fewer than 2^31 rows and 2^21 columns, found {rows} x {columns}")
        };
        let config = LaunchConfig {
            grid_dim: (grid_x.max(1), u32::from(grid_y).max(1), 1),
            block_dim: (across as u32, down as u32, 1),
            shared_mem_bytes: 0,
        };
        let function = self.0.load_function(name).map_err(Error::wrap)?;
        Ok(Launch { function, config, arguments: [vec![Argument::Count(rows as u32)], arguments].concat() })
    }
}

/// One argument of a kernel.
#[derive(Debug, Clone, Copy)]
pub(super) enum Argument {
    Count(u32),
    /// An address on the device, or 0 for none.
    Address(u64),
}

impl Argument {
    /// # Errors
    ///
    /// 2^32 and more.
    pub(super) fn count(count: usize) -> Result<Self> {
        u32::try_from(count).map(Self::Count).map_err(Error::wrap)
    }
}

/// A kernel with all that it is called with.
#[derive(Debug)]
pub(super) struct Launch {
    function: CudaFunction,
    config: LaunchConfig,
    arguments: Vec<Argument>,
}

impl Launch {
    /// # Safety
    ///
    /// The arguments are those of the kernel's signature in `densenet.cu`, and every address is that of memory on the stream's
    /// device that holds what the kernel reads and writes there until the stream has passed this launch.
    pub(super) unsafe fn run(&self, stream: &CudaStream) -> Result<()> {
        let mut builder = stream.launch_builder(&self.function);
        for argument in &self.arguments {
            match argument {
                Argument::Count(count) => builder.arg(count),
                Argument::Address(address) => builder.arg(address),
            };
        }
        // SAFETY: the caller's.
        unsafe { builder.launch(self.config) }.map_err(Error::wrap)?;
        Ok(())
    }
}
