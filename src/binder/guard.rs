use std::panic::{AssertUnwindSafe, catch_unwind};

use candle_core::Tensor;

use crate::contract::{Code, HandlerResult, Violation};

/// Runs a user's function; its error or panic becomes a violation that names it.
pub(crate) fn guarded<T>(function: &str, call: impl FnOnce() -> HandlerResult<T>) -> Result<T, Violation> {
    // Unwind safety: after a panic nothing of the call is used again but the binder's functions, which are `Fn`.
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            let found = format!("the error \"{error}\"");
            Err(Violation::new(Code::FunctionFailed, function, "a value", found).because(error))
        }
        Err(panic) => {
            let text =
                panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(|text| &**text));
            let found = format!("the panic \"{}\"", text.unwrap_or("without a text"));
            Err(Violation::new(Code::FunctionPanicked, function, "a value", found))
        }
    }
}

/// Whether two tensors have the same dtype, shape and values; NaN is the same as NaN.
pub(crate) fn same_bits(a: &Tensor, b: &Tensor) -> candle_core::Result<bool> {
    if a.dtype() != b.dtype() || a.dims() != b.dims() {
        return Ok(false);
    }
    let values = |xs: &Tensor| xs.to_dtype(candle_core::DType::F64)?.flatten_all()?.to_vec1::<f64>();
    let same = |(a, b): (f64, f64)| a == b || (a.is_nan() && b.is_nan());
    Ok(values(a)?.into_iter().zip(values(b)?).all(same))
}
