//! Two tensors as rows of numbers, computed with as numpy computes: each operation rounds to its operands' common type.
//!
//! Every value is held as f64 and rounded after each operation, which for 16- and 32-bit operands gives the same bits as
//! rounding once would. Found by experiment with numpy 2.4, and held by `tests/builtin.rs`:
//!
//! * a sum over a row of fewer than 8 values runs from left to right; up to 128 values it runs in eight interleaved sums
//!   that are added in pairs, the left-over values last; longer rows are halved at a multiple of eight;
//! * 16-bit rows are added up in f32; their sum, or the sum divided by the width, is rounded to f16 at the end. (numpy
//!   averages 16-bit rows of more than 8192 values piecewise: there the mean may differ in the last bit);
//! * numpy's logarithm of f32 is up to 3 units in the last place off and depends on the processor; the one here is the
//!   correctly rounded one but for rare cases, on every machine.

use candle_core::{DType, Device, Tensor};

use crate::binder::float16::round_to_half;
use crate::contract::HandlerResult;

/// numpy's types, from narrow to wide within integers and within floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    U8,
    I16,
    U32,
    I32,
    I64,
    F16,
    F32,
    F64,
}

impl Kind {
    const fn of(dtype: DType) -> Self {
        match dtype {
            DType::U8 => Self::U8,
            DType::I16 => Self::I16,
            DType::U32 => Self::U32,
            DType::I32 => Self::I32,
            DType::I64 => Self::I64,
            DType::F16 => Self::F16,
            DType::F64 => Self::F64,
            // f32, and the formats that numpy does not know.
            _ => Self::F32,
        }
    }

    fn is_integer(self) -> bool {
        self < Self::F16
    }

    /// The type of a result of both, as numpy promotes.
    fn with(self, other: Self) -> Self {
        let (narrow, wide) = if self <= other { (self, other) } else { (other, self) };
        match (narrow, wide) {
            (Self::U32, Self::I32 | Self::I64) | (Self::I16, Self::U32) => Self::I64,
            (Self::I16, Self::F16) => Self::F32,
            (Self::U32 | Self::I32 | Self::I64, Self::F16 | Self::F32) => Self::F64,
            _ => wide,
        }
    }

    /// The type of an element-wise function of this type, such as a logarithm.
    const fn float(self) -> Self {
        match self {
            Self::U8 | Self::F16 => Self::F16,
            Self::I16 | Self::F32 => Self::F32,
            _ => Self::F64,
        }
    }

    /// The type of a quotient, mean or clipped value of this type.
    fn fraction(self) -> Self {
        if self.is_integer() { Self::F64 } else { self }
    }

    fn round(self, value: f64) -> f64 {
        match self {
            Self::F16 => round_to_half(value),
            Self::F32 => round_to_single(value),
            _ => value,
        }
    }
}

/// Why two tensors cannot be compared sample by sample.
#[derive(Debug, thiserror::Error)]
pub(super) enum ShapeError {
    #[error("expected tensors whose first axis is the batch, found ground_truth {ground_truth:?}")]
    NoBatch { ground_truth: Vec<usize> },
    #[error("cannot share out prediction {prediction:?} over the {batch} samples of ground_truth {ground_truth:?}")]
    Samples { ground_truth: Vec<usize>, prediction: Vec<usize>, batch: usize },
    #[error(
        "expected as many values for each sample in both tensors; {ground_truth} in ground_truth and {prediction} in \
         prediction could not be broadcast together"
    )]
    Broadcast { ground_truth: usize, prediction: usize },
}

/// `height` rows of `width` numbers of one type.
#[derive(Debug, Clone)]
pub(super) struct Rows {
    kind: Kind,
    height: usize,
    width: usize,
    values: Vec<f64>,
}

impl Rows {
    /// Both tensors as one row for each entry of the ground truth's first axis. A width of 1 is repeated to the other's.
    pub(super) fn pair(ground_truth: &Tensor, prediction: &Tensor) -> HandlerResult<(Self, Self)> {
        let shape = || ground_truth.dims().to_vec();
        let height = match ground_truth.dims().first() {
            Some(&height) if height > 0 => height,
            _ => return Err(ShapeError::NoBatch { ground_truth: shape() }.into()),
        };
        if !prediction.elem_count().is_multiple_of(height) {
            let prediction = prediction.dims().to_vec();
            return Err(ShapeError::Samples { ground_truth: shape(), prediction, batch: height }.into());
        }
        let (truth, scores) = (Self::of(ground_truth, height)?, Self::of(prediction, height)?);
        if truth.width != scores.width && truth.width != 1 && scores.width != 1 {
            return Err(ShapeError::Broadcast { ground_truth: truth.width, prediction: scores.width }.into());
        }
        Ok((truth, scores))
    }

    fn of(tensor: &Tensor, height: usize) -> HandlerResult<Self> {
        let values = tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
        Ok(Self { kind: Kind::of(tensor.dtype()), height, width: values.len() / height, values })
    }

    /// The rows, from the first sample on.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[f64]> {
        (0..self.height).map(|row| &self.values[row * self.width..][..self.width])
    }

    /// Applies `f` to each value and rounds to this type.
    pub(super) fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        self.map_as(self.kind, f)
    }

    fn map_as(&self, kind: Kind, f: impl Fn(f64) -> f64) -> Self {
        let values = self.values.iter().map(|&value| kind.round(f(value))).collect();
        Self { kind, values, ..*self }
    }

    /// Applies `f` to the values of both, in the type `of` their common type. The widths are equal or one of them is 1.
    fn zip(&self, other: &Self, of: fn(Kind) -> Kind, f: impl Fn(f64, f64) -> f64) -> Self {
        let kind = of(self.kind.with(other.kind));
        let width = if self.width == 1 { other.width } else { self.width };
        let mut values = Vec::new();
        for (left, right) in self.iter().zip(other.iter()) {
            let at = |row: &[f64], column: usize| if row.len() == 1 { row[0] } else { row[column] };
            values.extend((0..width).map(|column| kind.round(f(at(left, column), at(right, column)))));
        }
        Self { kind, height: self.height, width, values }
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        self.zip(other, |kind| kind, |left, right| left + right)
    }

    pub(super) fn minus(&self, other: &Self) -> Self {
        self.zip(other, |kind| kind, |left, right| left - right)
    }

    pub(super) fn times(&self, other: &Self) -> Self {
        self.zip(other, |kind| kind, |left, right| left * right)
    }

    pub(super) fn over(&self, other: &Self) -> Self {
        self.zip(other, Kind::fraction, |left, right| left / right)
    }

    /// 1 where `same` holds and 0 elsewhere, as f64.
    pub(super) fn agreement(&self, other: &Self, same: impl Fn(f64, f64) -> bool) -> Self {
        self.zip(other, |_| Kind::F64, |left, right| f64::from(u8::from(same(left, right))))
    }

    pub(super) fn ln(&self) -> Self {
        self.map_as(self.kind.float(), f64::ln)
    }

    /// Kept inside `[low, high]`, which are rounded to this type first; NaN stays NaN.
    pub(super) fn clip(&self, low: f64, high: f64) -> Self {
        let kind = self.kind.fraction();
        let (low, high) = (kind.round(low), kind.round(high));
        self.map_as(kind, |value| value.clamp(low, high))
    }

    /// Each row's sum, as rows of width 1.
    pub(super) fn sum(&self) -> Self {
        self.reduce(self.kind, |sum, _| sum)
    }

    /// Each row's mean, as rows of width 1; NaN for rows of width 0.
    pub(super) fn mean(&self) -> Self {
        let width = self.width as f64;
        self.reduce(self.kind.fraction(), |sum, round| round(sum / width))
    }

    fn reduce(&self, kind: Kind, finish: impl Fn(f64, fn(f64) -> f64) -> f64) -> Self {
        let round: fn(f64) -> f64 = if matches!(kind, Kind::F16 | Kind::F32) { round_to_single } else { |value| value };
        // Sums start from +0, so that a row of -0 gives 0.
        let values = self.iter().map(|row| kind.round(finish(0.0 + pairwise(row, round), round))).collect();
        Self { kind, height: self.height, width: 1, values }
    }

    /// Each row followed by the other's row. Both have one height and one type.
    pub(super) fn beside(&self, other: &Self) -> Self {
        let values = self.iter().zip(other.iter()).flat_map(|(left, right)| [left, right].concat()).collect();
        Self { kind: self.kind, height: self.height, width: self.width + other.width, values }
    }

    /// All values in row order.
    pub(super) fn into_values(self) -> Vec<f64> {
        self.values
    }

    /// All values in row order as a tensor of shape `(n,)`.
    pub(super) fn into_tensor(self, dtype: DType, device: &Device) -> HandlerResult<Tensor> {
        let length = self.values.len();
        Ok(Tensor::from_vec(self.values, length, device)?.to_dtype(dtype)?)
    }
}

/// `low` and `high` as [`Rows::clip`] rounds them for values of type `dtype`.
pub(super) fn bounds(dtype: DType, low: f64, high: f64) -> (f64, f64) {
    let kind = Kind::of(dtype).fraction();
    (kind.round(low), kind.round(high))
}

fn round_to_single(value: f64) -> f64 {
    f64::from(value as f32)
}

/// numpy's pairwise sum of a row, rounding each addition.
fn pairwise(row: &[f64], round: fn(f64) -> f64) -> f64 {
    let add = |left: f64, right: f64| round(left + right);
    if row.len() < 8 {
        return row.iter().copied().fold(-0.0, add);
    }
    if row.len() > 128 {
        let half = row.len() / 2;
        let (left, right) = row.split_at(half - half % 8);
        return add(pairwise(left, round), pairwise(right, round));
    }
    let (eights, rest) = row.as_chunks::<8>();
    let [a, b, c, d, e, f, g, h] = eights
        .iter()
        .copied()
        .reduce(|sums, next| std::array::from_fn(|lane| add(sums[lane], next[lane])))
        .unwrap_or_default();
    let sum = add(add(add(a, b), add(c, d)), add(add(e, f), add(g, h)));
    rest.iter().copied().fold(sum, add)
}
