//! Rules that code_loader applies to a function's result when the function is called directly.

use candle_core::{DType, Tensor};

use super::report::Warnings;
use crate::contract::tensor::numpy_name;
use crate::contract::{Code, LatentSpaceOptions, LatentSpaceReduction, Violation};

/// The widest latent space.
const MAX_WIDTH: usize = 4096;
/// Wider ones are slow to analyse.
const COMFORTABLE_WIDTH: usize = 1024;
/// The largest finite 16-bit float.
const LARGEST: f64 = 65504.0;

/// An encoder's tensor is float32, and its channel axis, counted in the batched tensor, is at most one beyond its rank.
pub(super) fn encoder(function: &str, xs: &Tensor, channel_dim: Option<i64>) -> Result<(), Violation> {
    if xs.dtype() != DType::F32 {
        let found = format!("{} of shape {:?}", numpy_name(xs.dtype()), xs.dims());
        return Err(Violation::new(Code::WrongDtype, function, "a float32 tensor", found));
    }
    if let Some(axis) = channel_dim.filter(|axis| *axis - 1 > xs.rank() as i64) {
        let expected = format!("a channel axis of the tensor of shape {:?}, counted with the batch axis", xs.dims());
        return Err(Violation::new(Code::ChannelDim, function, expected, format!("channel_dim ({axis})")));
    }
    Ok(())
}

/// The rules of a custom latent space that is computed from a sample, without their warnings.
pub(crate) fn of_sample(function: &str, xs: &Tensor, options: &LatentSpaceOptions) -> Result<(), Violation> {
    latent_space(function, xs, false, options, &mut Warnings::default())
}

/// A custom latent space, computed from a sample (no batch axis) or from the model's tensors (batch axis first).
pub(super) fn latent_space(
    function: &str,
    xs: &Tensor,
    batched: bool,
    options: &LatentSpaceOptions,
    warnings: &mut Warnings,
) -> Result<(), Violation> {
    let broken =
        |expected: String, found: String| Err(Violation::new(Code::LatentSpaceResult, function, expected, found));
    if batched && xs.rank() < 2 {
        return broken("features behind a batch axis, (n, width)".to_owned(), format!("shape {:?}", xs.dims()));
    }
    let features = &xs.dims()[usize::from(batched)..];
    if features.iter().product::<usize>() == 0 {
        return broken("at least one feature".to_owned(), format!("no features, shape {:?}", xs.dims()));
    }
    values(function, xs, warnings)?;
    let width = match options.reduce {
        Some(LatentSpaceReduction::RandomProjection { n_components }) => n_components,
        Some(LatentSpaceReduction::MeanPool { channel_axis }) => {
            let rank = xs.rank() as i64;
            let axis = if channel_axis < 0 { channel_axis + rank } else { channel_axis };
            let kept = usize::try_from(axis).ok().filter(|axis| *axis >= usize::from(batched));
            let Some(width) = kept.and_then(|axis| xs.dims().get(axis)) else {
                let expected = "channel_axis to select an existing, non-batch axis".to_owned();
                return broken(expected, format!("channel_axis={channel_axis} for shape {:?}", xs.dims()));
            };
            *width
        }
        None => features.iter().product(),
    };
    if features.len() > 1 && options.reduce.is_none() {
        warnings.add(format!("{function}: a tensor of shape {features:?} for each sample will be flattened."));
    }
    if width > MAX_WIDTH {
        let expected = format!("at most {MAX_WIDTH} numbers for each sample, or a reduction");
        return broken(expected, format!("{width}, above the {MAX_WIDTH} limit"));
    }
    if width > COMFORTABLE_WIDTH {
        warnings.add(format!(
            "{function}: {width} numbers for each sample are many; a reduction makes the analysis faster."
        ));
    }
    Ok(())
}

/// Values that the platform drops or clips.
pub(super) fn values(function: &str, xs: &Tensor, warnings: &mut Warnings) -> Result<(), Violation> {
    let numbers = xs.to_dtype(DType::F64).and_then(|xs| xs.flatten_all()?.to_vec1::<f64>()).map_err(|error| {
        let found = error.to_string();
        Violation::new(Code::LatentSpaceResult, function, "a tensor that can be read", found).because(error.into())
    })?;
    if numbers.iter().any(|number| !number.is_finite()) {
        warnings.add(format!(
            "{function}: NaN or infinite values; such samples are dropped, and the whole space above 15% of them."
        ));
    }
    if numbers.iter().any(|number| number.is_finite() && number.abs() > LARGEST) {
        warnings.add(format!("{function}: values beyond {LARGEST}, the largest 16-bit float, will be clipped."));
    }
    Ok(())
}
