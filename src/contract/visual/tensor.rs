//! Tensors of payloads: their values, and their JSON `{"dtype", "shape", "data"}`.

use candle_core::{DType, Tensor};
use serde::ser::{Error, SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};

/// NumPy's name of a dtype, which is what code_loader's texts use.
pub(super) fn dtype_name(dtype: DType) -> &'static str {
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
pub(super) fn values(xs: &Tensor) -> candle_core::Result<Vec<f32>> {
    xs.to_dtype(DType::F32)?.flatten_all()?.to_vec1()
}

/// `#[serde(serialize_with = "tensor::serialize")]`; numbers that are not finite become null.
pub(super) fn serialize<S: Serializer>(xs: &Tensor, serializer: S) -> Result<S::Ok, S::Error> {
    let mut body = serializer.serialize_struct("Tensor", 3)?;
    body.serialize_field("dtype", dtype_name(xs.dtype()))?;
    body.serialize_field("shape", xs.dims())?;
    if xs.dtype() == DType::U8 {
        let values: Vec<u8> = xs.flatten_all().and_then(|xs| xs.to_vec1()).map_err(S::Error::custom)?;
        body.serialize_field("data", &Nested { values: &values, shape: xs.dims() })?;
    } else {
        let values = values(xs).map_err(S::Error::custom)?;
        body.serialize_field("data", &Nested { values: &values, shape: xs.dims() })?;
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
pub(super) fn serialize_vector<T: Serialize, S: Serializer>(
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
pub(super) fn serialize_f32<S: Serializer>(values: &[f32], serializer: S) -> Result<S::Ok, S::Error> {
    serialize_vector("float32", values, serializer)
}

/// The same for one that may be absent, which becomes null.
pub(super) fn serialize_optional_f32<S: Serializer>(
    values: &Option<Vec<f32>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match values {
        None => serializer.serialize_none(),
        Some(values) => serialize_f32(values, serializer),
    }
}
