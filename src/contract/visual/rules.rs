//! Rules that several payloads share, and their texts.

use candle_core::{DType, Tensor};

use super::tensor::numpy_name;
use crate::contract::{Code, Violation};

/// Dtypes of pixels.
pub(super) const PIXELS: &[DType] = &[DType::U8, DType::F32];

/// A broken construction rule; `code_loader` is what code_loader 1.0.214 says of it.
pub(super) fn broken(payload: &str, expected: &str, found: impl Into<String>, code_loader: &str) -> Violation {
    let found = format!("{} (code_loader: {code_loader})", found.into());
    Violation::new(Code::VisualizerPayload, payload, expected, found)
}

/// A tensor of one of the `allowed` dtypes.
pub(super) fn dtype(payload: &str, what: &str, xs: &Tensor, allowed: &[DType]) -> Result<(), Violation> {
    if allowed.contains(&xs.dtype()) {
        return Ok(());
    }
    let names: Vec<&str> = allowed.iter().map(|&dtype| numpy_name(dtype)).collect();
    let found = numpy_name(xs.dtype());
    let wanted = match names[..] {
        [name] => format!("instead of {name}"),
        _ => format!("allowed is one of [{}]", names.join(", ")),
    };
    let text = format!("visualizer returned unexpected type. got {found}, {wanted}");
    let expected = format!("{what} of dtype {}", names.join(" or "));
    Err(broken(payload, &expected, format!("{found} of shape {}", shape_text(xs.dims())), &text))
}

/// A tensor of one rank; `axes` names its axes.
pub(super) fn rank(payload: &str, axes: &str, xs: &Tensor, rank: usize, code_loader: &str) -> Result<(), Violation> {
    if xs.rank() == rank {
        return Ok(());
    }
    Err(broken(payload, &format!("shape {axes}"), format!("shape {}", shape_text(xs.dims())), code_loader))
}

/// A still image `(height, width, 1 | 3)`, u8 or f32; heights and widths of zero pass.
pub(super) fn image(payload: &str, xs: &Tensor) -> Result<(), Violation> {
    dtype(payload, "pixels", xs, PIXELS)?;
    rank(payload, "(height, width, channels)", xs, 3, "Image must be of shape 3.")?;
    channels(payload, xs, "Image")
}

/// A last axis of one or three channels.
pub(super) fn channels(payload: &str, xs: &Tensor, kind: &str) -> Result<(), Violation> {
    if let Some(1 | 3) = xs.dims().last() {
        return Ok(());
    }
    let text = format!("{kind} channel must be either 3(rgb) or 1(gray).");
    Err(broken(payload, "a last axis of 1 or 3 channels", format!("shape {}", shape_text(xs.dims())), &text))
}

/// A shape as Python prints it: `(2, 3)`, `(2,)`, `()`.
pub(super) fn shape_text(shape: &[usize]) -> String {
    match shape {
        [one] => format!("({one},)"),
        _ => format!("({})", shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}
