//! Dtype, shape and finite values of one tensor: the hot path of the check.

use candle_core::{DType, Device, Storage, Tensor};

use crate::contract::tensor::numpy_name;
use crate::contract::{Code, Violation};

/// Running minima and the like, so that the processor can work on as many values at once.
const LANES: usize = 8;

/// What one pass over a tensor's values shows.
#[derive(Debug, Clone, Copy)]
pub(in crate::check) struct Scan {
    pub(in crate::check) min: f32,
    pub(in crate::check) max: f32,
    pub(in crate::check) mean: f64,
    pub(in crate::check) finite: bool,
}

/// Reads a tensor's values in row-major order; those of an f32 tensor that lies in one piece are not copied.
pub(in crate::check) fn with_values<R>(xs: &Tensor, read: impl FnOnce(&[f32]) -> R) -> candle_core::Result<R> {
    if xs.dtype() == DType::F32 {
        let (storage, layout) = xs.storage_and_layout();
        if let (Storage::Cpu(values), Some((start, end))) = (&*storage, layout.contiguous_offsets()) {
            return Ok(read(&values.as_slice::<f32>()?[start..end]));
        }
    }
    let values = xs.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
    Ok(read(&values))
}

/// One pass over the values. An f64 beyond f32's range counts as finite.
pub(in crate::check) fn scan(xs: &Tensor) -> candle_core::Result<Scan> {
    let mut found = with_values(xs, scan_values)?;
    if !found.finite && xs.dtype() == DType::F64 {
        found.finite = xs.flatten_all()?.to_vec1::<f64>()?.iter().all(|value| value.is_finite());
    }
    Ok(found)
}

fn scan_values(values: &[f32]) -> Scan {
    let (mut least, mut most) = ([f32::INFINITY; LANES], [f32::NEG_INFINITY; LANES]);
    // A value times zero is zero if it is finite and NaN if not.
    let (mut sums, mut zeros) = ([0f64; LANES], [0f32; LANES]);
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            let value = chunk[lane];
            least[lane] = least[lane].min(value);
            most[lane] = most[lane].max(value);
            sums[lane] += f64::from(value);
            zeros[lane] += value * 0.0;
        }
    }
    for (lane, &value) in rest.iter().enumerate() {
        least[lane] = least[lane].min(value);
        most[lane] = most[lane].max(value);
        sums[lane] += f64::from(value);
        zeros[lane] += value * 0.0;
    }
    Scan {
        min: least.into_iter().fold(f32::INFINITY, f32::min),
        max: most.into_iter().fold(f32::NEG_INFINITY, f32::max),
        mean: sums.iter().sum::<f64>() / values.len().max(1) as f64,
        finite: zeros.iter().sum::<f32>() == 0.0,
    }
}

pub(in crate::check) fn dtype(function: &str, xs: &Tensor) -> Result<(), Violation> {
    if xs.dtype() == DType::F32 {
        return Ok(());
    }
    let found = format!("{} of shape {:?}", numpy_name(xs.dtype()), xs.dims());
    Err(Violation::new(Code::WrongDtype, function, "a float32 tensor", found))
}

/// `declared` by an image specification, `known` from the first training sample, whose id is `reference`.
pub(in crate::check) fn shape(
    function: &str,
    xs: &Tensor,
    declared: Option<&[usize]>,
    known: Option<&[usize]>,
    reference: &str,
) -> Result<(), Violation> {
    let wrong =
        |expected: String| Err(Violation::new(Code::WrongShape, function, expected, format!("{:?}", xs.dims())));
    if let Some(declared) = declared.filter(|declared| *declared != xs.dims()) {
        return wrong(format!("shape {declared:?} as its image specification declares"));
    }
    match known.filter(|known| *known != xs.dims()) {
        Some(known) => wrong(format!("shape {known:?} as on training sample {reference}")),
        None => Ok(()),
    }
}

/// Says which values are not finite.
pub(in crate::check) fn not_finite(function: &str, xs: &Tensor) -> Violation {
    let found = with_values(xs, |values| {
        let bad = values.iter().filter(|value| !value.is_finite()).count();
        let place = values.iter().position(|value| !value.is_finite()).unwrap_or_default();
        let first = values.get(place).copied().unwrap_or(f32::NAN);
        format!("{bad} of {} that are not, the first {first} at flat index {place}", values.len())
    });
    Violation::new(Code::NotFinite, function, "finite values", found.unwrap_or_else(|error| error.to_string()))
}

pub(in crate::check) fn unreadable(function: &str, error: candle_core::Error) -> Violation {
    Violation::new(Code::FunctionFailed, function, "a tensor that can be read", error.to_string()).because(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(values: Vec<f32>) -> Scan {
        scan(&Tensor::new(values, &Device::Cpu).unwrap()).unwrap()
    }

    #[test]
    fn one_pass_sees_every_value_whatever_the_length() {
        for length in 1..40 {
            let values: Vec<f32> = (0..length).map(|k| k as f32 - 3.0).collect();
            let found = scanned(values.clone());
            assert_eq!((found.min, found.max, found.finite), (-3.0, length as f32 - 4.0, true));
            assert!((found.mean - (f64::from(length - 1) / 2.0 - 3.0)).abs() < 1e-12);
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                for place in 0..values.len() {
                    let mut values = values.clone();
                    values[place] = bad;
                    assert!(!scanned(values).finite, "{bad} at {place} of {length}");
                }
            }
        }
        assert!(scanned(vec![f32::MAX, f32::MIN_POSITIVE, -0.0, f32::MIN]).finite);
    }

    #[test]
    fn views_and_other_dtypes_are_read_as_what_they_are() {
        let xs = Tensor::arange(0f32, 12.0, &Device::Cpu).unwrap().reshape((3, 4)).unwrap();
        let read = |xs: &Tensor| with_values(xs, <[f32]>::to_vec).unwrap();
        assert_eq!(read(&xs.narrow(0, 1, 1).unwrap()), [4.0, 5.0, 6.0, 7.0]);
        assert_eq!(read(&xs.t().unwrap().narrow(0, 1, 1).unwrap()), [1.0, 5.0, 9.0]);
        let large = Tensor::new(&[1e300f64, 1.0], &Device::Cpu).unwrap();
        assert!(scan(&large).unwrap().finite);
        assert!(!scan(&Tensor::new(&[f64::NAN], &Device::Cpu).unwrap()).unwrap().finite);
        assert!(scan(&xs.to_dtype(DType::I64).unwrap()).unwrap().finite);
    }
}
