//! The engine stores every tensor as 16-bit floats; losses and metrics are tried on what it would hand them.

use candle_core::{DType, Tensor};

/// The largest finite 16-bit float.
const LARGEST: f64 = 65504.0;
/// The exponent of the smallest normal 16-bit float.
const SMALLEST_EXPONENT: i64 = -14;
/// Bits after the leading one.
const FRACTION_BITS: i64 = 10;

/// Gives `xs` the precision that Tensorleap's engine stores it in, code_loader 1.0.214's float16 simulation.
///
/// An f32 or f64 tensor becomes f16, rounded to nearest with ties to even, if it is not empty, holds neither NaN nor an
/// infinity, and no magnitude above 65504. Any other tensor is returned as it is. The flag says whether it was cast.
///
/// # Errors
/// Those of candle when the tensor cannot be read.
///
/// # Determinism
/// Bit-exact.
pub fn engine_float16(xs: &Tensor) -> candle_core::Result<(Tensor, bool)> {
    if !matches!(xs.dtype(), DType::F32 | DType::F64) || xs.elem_count() == 0 {
        return Ok((xs.clone(), false));
    }
    let values = xs.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
    // NaN and infinities fail the comparison as well.
    if !values.iter().all(|value| value.abs() <= LARGEST) {
        return Ok((xs.clone(), false));
    }
    // Rounded here and in one step: candle's own cast from f64 passes through f32 and can round twice.
    let values: Vec<f64> = values.into_iter().map(round_to_half).collect();
    Ok((Tensor::from_vec(values, xs.shape(), xs.device())?.to_dtype(DType::F16)?, true))
}

/// The 16-bit float nearest to `value`, ties to even; from 65520 on an infinity.
pub(crate) fn round_to_half(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    // Exponents are read from and written to the bits, which keeps powers of two exact; a subnormal f64 reads as -1023.
    let exponent = ((value.to_bits() >> 52) & 0x7ff) as i64 - 1023;
    let unit = exponent.max(SMALLEST_EXPONENT) - FRACTION_BITS;
    let unit = f64::from_bits(((unit + 1023) as u64) << 52);
    let rounded = (value / unit).round_ties_even() * unit;
    if rounded.abs() > LARGEST { f64::INFINITY.copysign(value) } else { rounded }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn cast(values: &[f32]) -> bool {
        engine_float16(&Tensor::new(values, &Device::Cpu).unwrap()).unwrap().1
    }

    #[test]
    fn casts_what_fits_and_leaves_the_rest_alone() {
        assert!(cast(&[1.0, -2.5]) && cast(&[65504.0, -65504.0]));
        assert!(!cast(&[65505.0]) && !cast(&[-65505.0]) && !cast(&[1.0, f32::NAN]) && !cast(&[f32::INFINITY]));
        assert!(!cast(&[]));
        for dtype in [DType::U8, DType::U32, DType::I64, DType::F16, DType::BF16] {
            let (same, cast) = engine_float16(&Tensor::zeros((2, 3), dtype, &Device::Cpu).unwrap()).unwrap();
            assert!(!cast && same.dtype() == dtype);
        }
        let (half, cast) = engine_float16(&Tensor::zeros((2, 3, 4), DType::F64, &Device::Cpu).unwrap()).unwrap();
        assert!(cast && half.dtype() == DType::F16 && half.dims() == [2, 3, 4]);
    }

    #[test]
    fn rounds_once_and_to_even() {
        let tie = 1.0 + 2f64.powi(-11);
        assert_eq!(round_to_half(tie), 1.0);
        // Through f32 this would become the tie above, and then 1.
        let above = tie + 2f64.powi(-40);
        let (half, _) = engine_float16(&Tensor::new(&[above], &Device::Cpu).unwrap()).unwrap();
        assert_eq!(half.to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap(), [1.0 + 2f64.powi(-10)]);
        assert_eq!(round_to_half(2f64.powi(-25)), 0.0);
        assert_eq!(round_to_half(2f64.powi(-25) * 1.001), 2f64.powi(-24));
        assert_eq!(round_to_half(-1e-7), -(2f64.powi(-23)));
        assert_eq!(round_to_half(65519.99), 65504.0);
        assert_eq!(round_to_half(-65520.0), f64::NEG_INFINITY);
    }

    #[test]
    fn keeps_every_half_and_rounds_f32_as_the_processor_does() {
        let device = &Device::Cpu;
        let floats: Vec<f32> = (0..200_000u32).map(|step| f32::from_bits(step.wrapping_mul(0x9e37_79b1))).collect();
        let expected = Tensor::new(floats.as_slice(), device).unwrap().to_dtype(DType::F16).unwrap();
        let expected = expected.to_dtype(DType::F64).unwrap().to_vec1::<f64>().unwrap();
        for (value, expected) in floats.into_iter().zip(expected) {
            let found = round_to_half(f64::from(value));
            assert!(found == expected || (found.is_nan() && expected.is_nan()), "{value:e}: {found:e} {expected:e}");
            assert!(expected.is_nan() || round_to_half(expected).to_bits() == expected.to_bits());
        }
    }
}
