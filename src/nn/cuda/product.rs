//! Products of matrices by cuBLASLt, with their algorithm chosen once.
//!
//! cudarc's own wrapper asks for an algorithm at each call, computes f32 in TF32 and ties its workspace to events, which a
//! graph cannot record; this one stands on the functions below it.
#![allow(unsafe_code)]

use std::ffi::c_void;

use candle_core::cuda_backend::cudarc::cublas::sys::cublasOperation_t;
use candle_core::cuda_backend::cudarc::cublaslt::result::{self, CublasError};
use candle_core::cuda_backend::cudarc::cublaslt::sys;
use candle_core::cuda_backend::cudarc::driver::CudaStream;
use candle_core::{DType, Error, Result, bail};

use super::{Rows, Values};

/// Bytes that a product may use besides its matrices: what NVIDIA advises for Hopper.
pub(super) const WORKSPACE: usize = 32 << 20;

/// A handle of cuBLASLt. Its functions may be called from any thread.
#[derive(Debug)]
pub(super) struct Products {
    handle: sys::cublasLtHandle_t,
    kind: sys::cudaDataType,
    compute: sys::cublasComputeType_t,
}

impl Products {
    pub(super) fn new(dtype: DType, tf32: bool) -> Result<Self> {
        use sys::cublasComputeType_t::{CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_32F_FAST_TF32};
        let (kind, compute) = match dtype {
            DType::F32 if tf32 => (sys::cudaDataType::CUDA_R_32F, CUBLAS_COMPUTE_32F_FAST_TF32),
            DType::F32 => (sys::cudaDataType::CUDA_R_32F, CUBLAS_COMPUTE_32F),
            DType::F16 => (sys::cudaDataType::CUDA_R_16F, CUBLAS_COMPUTE_32F),
            DType::BF16 => (sys::cudaDataType::CUDA_R_16BF, CUBLAS_COMPUTE_32F),
            other => bail!("CUDA products: expected f32, f16 or bf16, found {other:?}"),
        };
        Ok(Self { handle: result::create_handle().map_err(Error::wrap)?, kind, compute })
    }

    /// `output = input * weight^T + bias`, then ReLU if asked for. `bias` is an address, or 0 for none.
    pub(super) fn prepare(&self, input: Rows, weight: Values, bias: u64, relu: bool, output: Rows) -> Result<Product> {
        let shape = [output.columns, input.columns, input.rows, input.step, output.step].map(i64::try_from);
        let ([Ok(m), Ok(k), Ok(n), Ok(ldb), Ok(ldd)], true) = (shape, weight.len == output.columns * input.columns)
        else {
            bail!(
                "CUDA product: expected a weight of the matrices' shape, found {weight:?} for {input:?} to {output:?}"
            )
        };
        let epilogue = match (bias != 0, relu) {
            (true, true) => sys::cublasLtEpilogue_t::CUBLASLT_EPILOGUE_RELU_BIAS,
            (true, false) => sys::cublasLtEpilogue_t::CUBLASLT_EPILOGUE_BIAS,
            (false, true) => sys::cublasLtEpilogue_t::CUBLASLT_EPILOGUE_RELU,
            (false, false) => sys::cublasLtEpilogue_t::CUBLASLT_EPILOGUE_DEFAULT,
        };
        self.plan([m, n, k], [ldb, ldd], bias, epilogue).map_err(Error::wrap)
    }

    /// cuBLASLt counts columns first, so that the rows of this crate are its columns: (m, n) is the output, (k, n) the
    /// input, and the weight (k, m) is taken transposed.
    fn plan(
        &self,
        [m, n, k]: [i64; 3],
        [ldb, ldd]: [i64; 2],
        bias: u64,
        epilogue: sys::cublasLtEpilogue_t,
    ) -> std::result::Result<Product, CublasError> {
        use sys::cublasLtMatmulDescAttributes_t as Attribute;
        let layout = |rows: i64, columns: i64, ld| {
            result::create_matrix_layout(self.kind, rows as u64, columns as u64, ld).map(MatrixLayout)
        };
        let (a, b, d) = (layout(k, m, k)?, layout(k, n, ldb)?, layout(m, n, ldd)?);
        let what = What(result::create_matmul_desc(self.compute, sys::cudaDataType::CUDA_R_32F)?);
        what.set(Attribute::CUBLASLT_MATMUL_DESC_TRANSA, &cublasOperation_t::CUBLAS_OP_T)?;
        what.set(Attribute::CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue)?;
        if bias != 0 {
            what.set(Attribute::CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias)?;
        }
        let wish = Wish(result::create_matmul_pref()?);
        let most = sys::cublasLtMatmulPreferenceAttributes_t::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES;
        // SAFETY: the preference lives, and the attribute is a size in bytes.
        unsafe { result::set_matmul_pref_attribute(wish.0, most, address(&WORKSPACE), size_of::<usize>()) }?;
        // SAFETY: all of these live, and the layouts are those of the matrices that `Product::run` is called with.
        let best = unsafe { result::get_matmul_algo_heuristic(self.handle, what.0, a.0, b.0, d.0, d.0, wish.0) }?;
        Ok(Product { what, a, b, d, algorithm: best.algo })
    }

    /// # Safety
    ///
    /// `weight`, `input`, `output` and `workspace` (of [`WORKSPACE`] bytes) are addresses, at multiples of 256, of memory on the
    /// stream's device that holds the matrices `product` was prepared for until the stream has passed this call, and so is
    /// its bias.
    pub(super) unsafe fn run(
        &self,
        product: &Product,
        [weight, input, output, workspace]: [u64; 4],
        stream: &CudaStream,
    ) -> Result<()> {
        let (alpha, beta) = (1f32, 0f32);
        // SAFETY: the product's parts live as long as it; the memory is the caller's word. Beta is zero, so that the output
        // is not read.
        let done = unsafe {
            result::matmul(
                self.handle,
                product.what.0,
                address(&alpha),
                address(&beta),
                weight as *const c_void,
                product.a.0,
                input as *const c_void,
                product.b.0,
                output as *const c_void,
                product.d.0,
                output as *mut c_void,
                product.d.0,
                &raw const product.algorithm,
                workspace as *mut c_void,
                WORKSPACE,
                stream.cu_stream().cast(),
            )
        };
        done.map_err(Error::wrap)
    }
}

impl Drop for Products {
    fn drop(&mut self) {
        // SAFETY: made in `new` and destroyed once. A failure leaves nothing that could be done.
        let _ = unsafe { result::destroy_handle(self.handle) };
    }
}

/// One product, described.
#[derive(Debug)]
pub(super) struct Product {
    what: What,
    a: MatrixLayout,
    b: MatrixLayout,
    d: MatrixLayout,
    algorithm: sys::cublasLtMatmulAlgo_t,
}

fn address<T>(value: &T) -> *const c_void {
    (&raw const *value).cast()
}

#[derive(Debug)]
struct MatrixLayout(sys::cublasLtMatrixLayout_t);

impl Drop for MatrixLayout {
    fn drop(&mut self) {
        // SAFETY: made where this was, and destroyed once.
        let _ = unsafe { result::destroy_matrix_layout(self.0) };
    }
}

#[derive(Debug)]
struct What(sys::cublasLtMatmulDesc_t);

impl What {
    fn set<T>(
        &self,
        attribute: sys::cublasLtMatmulDescAttributes_t,
        value: &T,
    ) -> std::result::Result<(), CublasError> {
        // SAFETY: the description lives, and `value` is read for its own size and copied.
        unsafe { result::set_matmul_desc_attribute(self.0, attribute, address(value), size_of::<T>()) }
    }
}

impl Drop for What {
    fn drop(&mut self) {
        // SAFETY: made where this was, and destroyed once.
        let _ = unsafe { result::destroy_matmul_desc(self.0) };
    }
}

#[derive(Debug)]
struct Wish(sys::cublasLtMatmulPreference_t);

impl Drop for Wish {
    fn drop(&mut self) {
        // SAFETY: made where this was, and destroyed once.
        let _ = unsafe { result::destroy_matmul_pref(self.0) };
    }
}
