//! Convolutions by cuDNN with channels last, with their algorithm chosen once.
#![allow(unsafe_code)]

use std::fmt::Debug;
use std::marker::PhantomData;
use std::sync::Arc;

use candle_core::cuda_backend::cudarc::cudnn::{
    ConvDescriptor, ConvForward, Cudnn, CudnnDataType, FilterDescriptor, TensorDescriptor, sys,
};
use candle_core::cuda_backend::cudarc::driver::{CudaStream, DevicePtr, DevicePtrMut, DeviceSlice, SyncOnDrop};
use candle_core::{DType, Error, Result, bail};
use half::{bf16, f16};

use super::{Images, Rows, Window};

/// A convolution, described.
pub(super) trait Convolution: Debug {
    /// Bytes that it needs besides its tensors.
    fn workspace(&self) -> usize;

    /// # Safety
    ///
    /// `input`, `kernel` and `output` are addresses of memory on the device of the handle that this was prepared with, which holds
    /// the tensors until the handle's stream has passed this call, and so is `workspace`, of at least so many bytes.
    unsafe fn run(&self, input: u64, kernel: u64, output: u64, workspace: (u64, usize)) -> Result<()>;
}

/// Prepares a convolution on `cudnn`, a handle and its stream, of `input`, whose rows are the pixels of `images`, into `output`.
///
/// # Errors
///
/// A tensor of 2^31 pixels in a direction, or a shape that cuDNN has no algorithm for.
pub(super) fn prepare(
    cudnn: (&Arc<Cudnn>, &Arc<CudaStream>),
    dtype: DType,
    tf32: bool,
    (input, images, window, output): (Rows, Images, Window, Rows),
) -> Result<Box<dyn Convolution>> {
    use sys::cudnnMathType_t::{CUDNN_DEFAULT_MATH, CUDNN_FMA_MATH, CUDNN_TENSOR_OP_MATH};
    let left = images.through(window);
    let shape = Shape {
        input: dimensions([images.n, input.columns, images.h, images.w])?,
        kernel: dimensions([output.columns, input.columns, window.side, window.side])?,
        output: dimensions([left.n, output.columns, left.h, left.w])?,
        window: dimensions([window.padding, window.stride])?,
    };
    Ok(match dtype {
        DType::F32 if tf32 => Box::new(Prepared::<f32>::new(cudnn, &shape, CUDNN_DEFAULT_MATH, (1.0, 0.0))?),
        DType::F32 => Box::new(Prepared::<f32>::new(cudnn, &shape, CUDNN_FMA_MATH, (1.0, 0.0))?),
        DType::F16 => Box::new(Prepared::<f16>::new(cudnn, &shape, CUDNN_TENSOR_OP_MATH, (f16::ONE, f16::ZERO))?),
        DType::BF16 => Box::new(Prepared::<bf16>::new(cudnn, &shape, CUDNN_TENSOR_OP_MATH, (bf16::ONE, bf16::ZERO))?),
        other => bail!("CUDA convolution: expected f32, f16 or bf16, found {other:?}"),
    })
}

/// What cuDNN is told, in its order: image, channel, line, column.
struct Shape {
    input: [i32; 4],
    kernel: [i32; 4],
    output: [i32; 4],
    window: [i32; 2],
}

fn dimensions<const N: usize>(sizes: [usize; N]) -> Result<[i32; N]> {
    let mut dimensions = [0; N];
    for (dimension, size) in dimensions.iter_mut().zip(sizes) {
        *dimension = i32::try_from(size).map_err(Error::wrap)?;
    }
    Ok(dimensions)
}

/// For values of the type `T`; sums are taken in f32.
#[derive(Debug)]
struct Prepared<T> {
    input: TensorDescriptor<T>,
    kernel: FilterDescriptor<T>,
    output: TensorDescriptor<T>,
    convolution: ConvDescriptor<f32>,
    algorithm: sys::cudnnConvolutionFwdAlgo_t,
    workspace: usize,
    /// One and zero: what the result and the old output are multiplied by.
    factors: (T, T),
    stream: Arc<CudaStream>,
}

impl<T: CudnnDataType> Prepared<T> {
    fn new(
        (cudnn, stream): (&Arc<Cudnn>, &Arc<CudaStream>),
        shape: &Shape,
        math: sys::cudnnMathType_t,
        factors: (T, T),
    ) -> Result<Self> {
        use sys::cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION;
        let format = sys::cudnnTensorFormat_t::CUDNN_TENSOR_NHWC;
        let [padding, stride] = shape.window;
        let convolution = cudnn.create_conv2d::<f32>([padding; 2], [stride; 2], [1; 2], CUDNN_CROSS_CORRELATION);
        let mut convolution = convolution.map_err(Error::wrap)?;
        convolution.set_math_type(math).map_err(Error::wrap)?;
        let input = cudnn.create_4d_tensor(format, shape.input).map_err(Error::wrap)?;
        let kernel = cudnn.create_4d_filter(format, shape.kernel).map_err(Error::wrap)?;
        let output = cudnn.create_4d_tensor(format, shape.output).map_err(Error::wrap)?;
        let forward = ConvForward { conv: &convolution, x: &input, w: &kernel, y: &output };
        let algorithm = forward.pick_algorithm().map_err(Error::wrap)?;
        let workspace = forward.get_workspace_size(algorithm).map_err(Error::wrap)?;
        let stream = Arc::clone(stream);
        Ok(Self { input, kernel, output, convolution, algorithm, workspace, factors, stream })
    }

    fn memory<U>(&self, address: u64, len: usize) -> Memory<'_, U> {
        Memory { address, len, stream: &self.stream, values: PhantomData }
    }
}

impl<T: CudnnDataType + Copy + Debug> Convolution for Prepared<T> {
    fn workspace(&self) -> usize {
        self.workspace
    }

    unsafe fn run(&self, input: u64, kernel: u64, output: u64, workspace: (u64, usize)) -> Result<()> {
        let forward = ConvForward { conv: &self.convolution, x: &self.input, w: &self.kernel, y: &self.output };
        // Only a workspace's length is looked at.
        let mut workspace = self.memory::<u8>(workspace.0, workspace.1);
        let (input, kernel) = (self.memory::<T>(input, 0), self.memory::<T>(kernel, 0));
        let mut output = self.memory::<T>(output, 0);
        // SAFETY: the caller's; the descriptors are of the type and shapes of `prepare`.
        let done =
            unsafe { forward.launch(self.algorithm, Some(&mut workspace), self.factors, &input, &kernel, &mut output) };
        done.map_err(Error::wrap)
    }
}

/// Memory that is only ever touched on one stream, so that no events need to guard it: a graph could not record them.
struct Memory<'a, T> {
    address: u64,
    len: usize,
    stream: &'a Arc<CudaStream>,
    values: PhantomData<T>,
}

impl<T> DeviceSlice<T> for Memory<'_, T> {
    fn len(&self) -> usize {
        self.len
    }

    fn stream(&self) -> &Arc<CudaStream> {
        self.stream
    }
}

impl<T> DevicePtr<T> for Memory<'_, T> {
    fn device_ptr<'a>(&'a self, _: &'a CudaStream) -> (u64, SyncOnDrop<'a>) {
        (self.address, SyncOnDrop::Record(None))
    }
}

impl<T> DevicePtrMut<T> for Memory<'_, T> {
    fn device_ptr_mut<'a>(&'a mut self, _: &'a CudaStream) -> (u64, SyncOnDrop<'a>) {
        (self.address, SyncOnDrop::Record(None))
    }
}
