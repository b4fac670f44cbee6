//! Tensors in messages and in JSON: their values, and their JSON `{"dtype", "shape", "data"}`.

use candle_core::{DType, Tensor};
use serde::ser::{Error, SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};

/// NumPy's name of a dtype, which is what code_loader's texts use.
pub(crate) fn numpy_name(dtype: DType) -> &'static str {
    match dtype {
        DType::U8 => "uint8",
        DType::U32 => "uint32",
        DType::I16 => "int16",
        DType::I32 => "int32",
        DType::I64 => "int64",
        DType::BF16 => "bfloat16",
        DType::F16 => "float16",
        DType::F32 => "float32",
        DType::F64 => "float64",
        other => other.as_str(),
    }
}

/// All values in row-major order.
pub(crate) fn values(xs: &Tensor) -> candle_core::Result<Vec<f32>> {
    xs.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
}

/// `#[serde(serialize_with = "tensor::serialize")]`: integers exactly, floats as f64; numbers that are not finite become null.
pub(crate) fn serialize<S: Serializer>(xs: &Tensor, serializer: S) -> Result<S::Ok, S::Error> {
    serialize_at_most(xs, usize::MAX, serializer)
}

/// [`serialize`] for tensors that may be large: of more than `limit` values the first stand in a flat list, and
/// `"truncated": true` beside them.
pub(crate) fn serialize_at_most<S: Serializer>(xs: &Tensor, limit: usize, serializer: S) -> Result<S::Ok, S::Error> {
    let truncated = xs.elem_count() > limit;
    let mut body = serializer.serialize_struct("Tensor", 3 + usize::from(truncated))?;
    body.serialize_field("dtype", numpy_name(xs.dtype()))?;
    body.serialize_field("shape", xs.dims())?;
    let flat = xs.flatten_all().and_then(|flat| flat.narrow(0, 0, xs.elem_count().min(limit)));
    let flat = flat.map_err(S::Error::custom)?;
    let kept = [flat.elem_count()];
    let shape = if truncated { &kept[..] } else { xs.dims() };
    if xs.dtype().is_float() {
        let values = flat.to_dtype(DType::F64).and_then(|xs| xs.to_vec1::<f64>()).map_err(S::Error::custom)?;
        body.serialize_field("data", &Nested { values: &values, shape })?;
    } else {
        let values = flat.to_dtype(DType::I64).and_then(|xs| xs.to_vec1::<i64>()).map_err(S::Error::custom)?;
        body.serialize_field("data", &Nested { values: &values, shape })?;
    }
    if truncated {
        body.serialize_field("truncated", &true)?;
    }
    body.end()
}

/// Row-major values as nested lists.
struct Nested<'a, T> {
    values: &'a [T],
    shape: &'a [usize],
}

impl<T: Serialize> Serialize for Nested<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some((&length, shape)) = self.shape.split_first() else {
            return self.values.first().serialize(serializer);
        };
        let size: usize = shape.iter().product();
        let mut list = serializer.serialize_seq(Some(length))?;
        for index in 0..length {
            list.serialize_element(&Nested { values: &self.values[index * size..(index + 1) * size], shape })?;
        }
        list.end()
    }
}

/// A vector in the same form.
pub(crate) fn serialize_vector<T: Serialize, S: Serializer>(
    dtype: &str,
    values: &[T],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut body = serializer.serialize_struct("Tensor", 3)?;
    body.serialize_field("dtype", dtype)?;
    body.serialize_field("shape", &[values.len()])?;
    body.serialize_field("data", values)?;
    body.end()
}

/// `#[serde(serialize_with = "tensor::serialize_f32")]` for a vector of f32.
pub(crate) fn serialize_f32<S: Serializer>(values: &[f32], serializer: S) -> Result<S::Ok, S::Error> {
    serialize_vector("float32", values, serializer)
}

/// The same for one that may be absent, which becomes null.
pub(crate) fn serialize_optional_f32<S: Serializer>(
    values: &Option<Vec<f32>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match values {
        None => serializer.serialize_none(),
        Some(values) => serialize_f32(values, serializer),
    }
}
