use std::panic::{AssertUnwindSafe, catch_unwind};

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
