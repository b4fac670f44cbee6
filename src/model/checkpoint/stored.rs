//! The number types that files hold, and how their bytes become a tensor.

use candle_core::{DType, Device, Tensor, WithDType};
use half::{bf16, f16};

use super::fault::{Fault, Parsed};
use super::map::Bytes;

/// A number type of a file, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    F16,
    BF16,
    F32,
    F64,
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    I64,
    U64,
    Bool,
}

impl Stored {
    /// Bytes of one number.
    pub(super) fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::F16 | Self::BF16 | Self::I16 | Self::U16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }

    /// The smallest type of candle that holds every value; `U64` has none and becomes `I64`.
    pub(super) fn dtype(self) -> DType {
        match self {
            Self::F16 => DType::F16,
            Self::BF16 => DType::BF16,
            Self::F32 => DType::F32,
            Self::F64 => DType::F64,
            Self::U8 | Self::Bool => DType::U8,
            Self::I8 | Self::I16 => DType::I16,
            Self::I32 => DType::I32,
            Self::U16 | Self::U32 => DType::U32,
            Self::I64 | Self::U64 => DType::I64,
        }
    }
}

/// Where the numbers of one tensor lie. Made by [`Place::new`], which checks that they lie inside the bytes.
#[derive(Debug, Clone)]
pub(super) struct Place {
    stored: Stored,
    shape: Vec<usize>,
    /// Steps in numbers for each dimension; `None` if the numbers lie in row-major order without gaps.
    strides: Option<Vec<usize>>,
    /// Byte of the first number.
    start: usize,
    /// How many numbers the tensor has.
    count: usize,
    bytes: Bytes,
}

impl Place {
    /// A tensor whose first number lies at byte `start`, and whose numbers must all lie below byte `end`.
    ///
    /// A tensor that repeats its numbers (stride 0) may unfold to the size of the file, and to 1 MiB in any case.
    pub(super) fn new(
        bytes: &Bytes,
        (start, end): (usize, usize),
        stored: Stored,
        shape: Vec<usize>,
        strides: Option<Vec<usize>>,
    ) -> Parsed<Self> {
        const UNFOLDED: usize = 1 << 20;
        if strides.as_ref().is_some_and(|strides| strides.len() != shape.len()) {
            return Err(Fault::new("one stride for each dimension", format!("{strides:?} for {shape:?}")));
        }
        let outside = || Fault::new(format!("{} bytes for it", end.saturating_sub(start)), format!("shape {shape:?}"));
        let count = shape.iter().try_fold(1usize, |product, &side| product.checked_mul(side)).ok_or_else(outside)?;
        let size = count.checked_mul(stored.size()).ok_or_else(outside)?;
        let strides = strides.filter(|strides| !is_row_major(&shape, strides));
        let reach = match &strides {
            None => size,
            Some(strides) => reach(&shape, strides).and_then(|n| n.checked_mul(stored.size())).ok_or_else(outside)?,
        };
        let reach = if count == 0 { 0 } else { reach };
        if end > bytes.len() || start > end || reach > end - start {
            return Err(outside());
        }
        if size > bytes.len().max(UNFOLDED) {
            return Err(Fault::new("a tensor not larger than its file", format!("shape {shape:?}, {size} bytes")));
        }
        Ok(Self { stored, shape, strides, start, count, bytes: bytes.clone() })
    }

    pub(super) fn dtype(&self) -> DType {
        self.stored.dtype()
    }

    pub(super) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Bytes of the numbers, once unfolded.
    pub(super) fn size(&self) -> usize {
        self.count * self.stored.size()
    }

    /// Reads the numbers into a tensor of `dtype`.
    pub(super) fn read(&self, dtype: DType, device: &Device) -> candle_core::Result<Tensor> {
        match dtype {
            DType::U8 => self.collect::<u8>(device),
            DType::U32 => self.collect::<u32>(device),
            DType::I16 => self.collect::<i16>(device),
            DType::I32 => self.collect::<i32>(device),
            DType::I64 => self.collect::<i64>(device),
            DType::BF16 => self.collect::<bf16>(device),
            DType::F16 => self.collect::<f16>(device),
            DType::F32 => self.collect::<f32>(device),
            DType::F64 => self.collect::<f64>(device),
            other => Err(candle_core::Error::UnsupportedDTypeForOp(other, "reading a checkpoint")),
        }
    }

    fn collect<T: Target>(&self, device: &Device) -> candle_core::Result<Tensor> {
        let values = match self.stored {
            Stored::F16 => self.values(|b| T::of_f16(f16::from_le_bytes(b))),
            Stored::BF16 => self.values(|b| T::of_bf16(bf16::from_le_bytes(b))),
            Stored::F32 => self.values(|b| T::of_f32(f32::from_le_bytes(b))),
            Stored::F64 => self.values(|b| T::of_f64(f64::from_le_bytes(b))),
            Stored::I8 => self.values(|[b]| T::of_int((b as i8).into())),
            Stored::U8 => self.values(|[b]| T::of_int(b.into())),
            Stored::Bool => self.values(|[b]| T::of_int((b != 0).into())),
            Stored::I16 => self.values(|b| T::of_int(i16::from_le_bytes(b).into())),
            Stored::U16 => self.values(|b| T::of_int(u16::from_le_bytes(b).into())),
            Stored::I32 => self.values(|b| T::of_int(i32::from_le_bytes(b).into())),
            Stored::U32 => self.values(|b| T::of_int(u32::from_le_bytes(b).into())),
            Stored::I64 => self.values(|b| T::of_int(i64::from_le_bytes(b))),
            Stored::U64 => self.values(|b| T::of_int(u64::from_le_bytes(b).try_into().unwrap_or(i64::MAX))),
        };
        Tensor::from_vec(values, self.shape.as_slice(), device)
    }

    /// Converts number by number, in row-major order, into a vector of the tensor's own size.
    fn values<const N: usize, T: Target>(&self, convert: impl Fn([u8; N]) -> T) -> Vec<T> {
        /// Pages of a mapped file are given back after so many bytes.
        const CHUNK: usize = 4 << 20;
        let mut values = Vec::with_capacity(self.count);
        match &self.strides {
            None => {
                for chunk in self.bytes[self.start..self.start + self.count * N].chunks(CHUNK) {
                    values.extend(chunk.as_chunks().0.iter().map(|number| convert(*number)));
                    let read = self.start + values.len() * N;
                    self.bytes.release(read - chunk.len()..read);
                }
            }
            Some(strides) => {
                let bytes = &self.bytes[self.start..];
                let mut index = vec![0; self.shape.len()];
                let mut place = 0;
                for _ in 0..self.count {
                    values.extend(bytes[place * N..].first_chunk().map(|number| convert(*number)));
                    place = advance(&mut index, place, &self.shape, strides);
                }
            }
        }
        values
    }
}

/// Moves `index` to the next element in row-major order and returns that element's place.
fn advance(index: &mut [usize], mut place: usize, shape: &[usize], strides: &[usize]) -> usize {
    for axis in (0..shape.len()).rev() {
        index[axis] += 1;
        place += strides[axis];
        if index[axis] < shape[axis] {
            break;
        }
        place -= index[axis] * strides[axis];
        index[axis] = 0;
    }
    place
}

/// One past the place of the last number, counted from the first. `None` where that is no number.
fn reach(shape: &[usize], strides: &[usize]) -> Option<usize> {
    let mut last = 0usize;
    for (&side, &stride) in shape.iter().zip(strides) {
        last = last.checked_add(side.saturating_sub(1).checked_mul(stride)?)?;
        // The odometer of `advance` adds one stride more before it turns over.
        side.checked_mul(stride)?.checked_add(last)?;
    }
    last.checked_add(1)
}

/// Whether `strides` are those of a tensor without gaps; those of sides of length 1 do not matter.
fn is_row_major(shape: &[usize], strides: &[usize]) -> bool {
    let mut step = 1usize;
    for (&side, &stride) in shape.iter().zip(strides).rev() {
        if side != 1 && stride != step {
            return false;
        }
        step = step.saturating_mul(side);
    }
    true
}

/// A type that tensors can be read as. Floats are rounded to nearest, ties to even (f64 by way of f32 where the target
/// is shorter than that, as PyTorch does); integers saturate.
trait Target: WithDType {
    fn of_f32(value: f32) -> Self;
    fn of_f64(value: f64) -> Self;
    fn of_int(value: i64) -> Self;

    fn of_f16(value: f16) -> Self {
        Self::of_f32(value.to_f32())
    }

    fn of_bf16(value: bf16) -> Self {
        Self::of_f32(value.to_f32())
    }
}

macro_rules! float {
    ($type:ident, $f32:expr, $f64:expr, $int:expr $(, $same:ident)?) => {
        impl Target for $type {
            fn of_f32(value: f32) -> Self {
                $f32(value)
            }
            fn of_f64(value: f64) -> Self {
                $f64(value)
            }
            fn of_int(value: i64) -> Self {
                $int(value)
            }
            $(fn $same(value: $type) -> Self {
                value
            })?
        }
    };
}

float!(f64, f64::from, |value| value, |value| value as f64);
float!(f32, |value| value, |value| value as f32, |value| value as f32);
float!(f16, f16::from_f32, |value| f16::from_f32(value as f32), |value| f16::from_f32(value as f32), of_f16);
float!(bf16, bf16::from_f32, |value| bf16::from_f32(value as f32), |value| bf16::from_f32(value as f32), of_bf16);

macro_rules! integer {
    ($($type:ident),*) => {$(
        impl Target for $type {
            fn of_f32(value: f32) -> Self {
                value as $type
            }
            fn of_f64(value: f64) -> Self {
                value as $type
            }
            fn of_int(value: i64) -> Self {
                value.clamp($type::MIN as i64, $type::MAX as i64) as $type
            }
        }
    )*};
}

integer!(u8, u32, i16, i32, i64);

#[cfg(test)]
mod tests {
    use super::*;

    fn place(shape: &[usize], strides: &[usize], length: usize) -> Parsed<Place> {
        let bytes = Bytes::owned((0..length as u8).collect());
        Place::new(&bytes, (0, length), Stored::U8, shape.to_vec(), Some(strides.to_vec()))
    }

    fn read(shape: &[usize], strides: &[usize], length: usize) -> Vec<u8> {
        let tensor = place(shape, strides, length).unwrap().read(DType::U8, &Device::Cpu).unwrap();
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn strides_are_followed() {
        assert_eq!(read(&[2, 3], &[3, 1], 6), [0, 1, 2, 3, 4, 5]);
        assert_eq!(read(&[3, 2], &[1, 3], 6), [0, 3, 1, 4, 2, 5]);
        assert_eq!(read(&[2, 2, 2], &[0, 4, 2], 7), [0, 2, 4, 6, 0, 2, 4, 6]);
        assert_eq!(read(&[], &[], 1), [0]);
        assert_eq!(read(&[0, 7], &[usize::MAX, 1], 0), []);
    }

    #[test]
    fn numbers_outside_the_bytes_are_refused() {
        assert!(place(&[2, 3], &[3, 1], 5).is_err());
        assert!(place(&[2, 2, 2], &[0, 4, 2], 6).is_err());
        assert!(place(&[2], &[usize::MAX], 8).is_err());
        assert!(place(&[usize::MAX, 2], &[0, 0], 8).is_err());
        assert!(place(&[1 << 30], &[0], 8).is_err(), "unfolds to a thousand times the file");
        let bytes = Bytes::owned(vec![0; 4]);
        assert!(Place::new(&bytes, (0, 8), Stored::U8, vec![8], None).is_err());
        assert!(Place::new(&bytes, (3, 2), Stored::U8, vec![0], None).is_err());
    }

    #[test]
    fn same_types_keep_every_bit_and_others_round_to_even() {
        let bytes: Vec<u8> =
            [0x7fa0_0001u32, 0x8000_0000, 0x3f80_8001, 0x3f80_8000].iter().flat_map(|b| b.to_le_bytes()).collect();
        let place = Place::new(&Bytes::owned(bytes), (0, 16), Stored::F32, vec![4], None).unwrap();
        let same = place.read(DType::F32, &Device::Cpu).unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(
            same.iter().map(|v| v.to_bits()).collect::<Vec<_>>(),
            [0x7fa0_0001, 0x8000_0000, 0x3f80_8001, 0x3f80_8000]
        );
        let short = place.read(DType::BF16, &Device::Cpu).unwrap().to_vec1::<bf16>().unwrap();
        assert_eq!(short[2..].iter().map(|v| v.to_bits()).collect::<Vec<_>>(), [0x3f81, 0x3f80]);
        assert!(short[0].is_nan());
    }
}
