use std::collections::BTreeMap;

use candle_core::{DType, Tensor};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use crate::contract::{MetadataType, MetadataValue, Violation};

/// Values of a tensor that go into a report; of larger ones only the first this many, flat.
const KEPT_VALUES: usize = 4096;

/// One line of code_loader's result: a step, a function, or one column of a metadata map.
#[derive(Debug, Clone, Serialize)]
pub struct Payload {
    /// The step's, function's or column's name.
    pub name: String,
    /// What is wrong: by subset for functions, under `Errors` or `Warnings` for steps.
    pub display: BTreeMap<String, String>,
    /// Whether it passed.
    pub is_passed: bool,
    /// The value's shape on the last subset that passed; `[1]` for a single value.
    pub shape: Option<Vec<usize>>,
    /// The value itself on the last subset that passed.
    pub raw_result: Option<RawResult>,
    /// `metadata` for metadata, else absent.
    pub handler_type: Option<&'static str>,
}

impl Payload {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            display: BTreeMap::new(),
            is_passed: true,
            shape: None,
            raw_result: None,
            handler_type: None,
        }
    }

    pub(super) fn failed(mut self, key: impl Into<String>, violation: &Violation) -> Self {
        self.fail(key, violation);
        self
    }

    pub(super) fn fail(&mut self, key: impl Into<String>, violation: &Violation) {
        self.display.insert(key.into(), violation.with_causes());
        self.is_passed = false;
    }

    pub(super) fn metadata(name: String, value: RawResult) -> Self {
        Self { shape: Some(vec![1]), raw_result: Some(value), handler_type: Some("metadata"), ..Self::new(name) }
    }
}

/// What a function gave.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum RawResult {
    /// An encoder's tensor.
    Tensor(Tensor),
    /// A metadata value.
    Metadata(MetadataValue),
    /// The declared type of a metadata value that is absent.
    Type(MetadataType),
}

impl RawResult {
    /// The type of the column that the value makes.
    pub(super) fn column_type(&self) -> Option<MetadataType> {
        match self {
            Self::Metadata(value) => value.column_type(),
            Self::Type(one) => Some(*one),
            Self::Tensor(_) => None,
        }
    }
}

impl Serialize for RawResult {
    /// A tensor as `{"dtype", "shape", "data"}` with numpy's dtype names and nested data; of more than 4096 values the first
    /// 4096 stand in a flat list and `"truncated": true` beside them.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let xs = match self {
            Self::Metadata(value) => return value.serialize(serializer),
            Self::Type(one) => return one.serialize(serializer),
            Self::Tensor(xs) => xs,
        };
        let flat = flat(xs).map_err(serde::ser::Error::custom)?;
        let truncated = xs.elem_count() > KEPT_VALUES;
        let mut fields = serializer.serialize_struct("Tensor", 3 + usize::from(truncated))?;
        fields.serialize_field("dtype", numpy_name(xs.dtype()))?;
        fields.serialize_field("shape", xs.dims())?;
        let data = if truncated { Json::Array(flat) } else { nested(&mut flat.into_iter(), xs.dims()) };
        fields.serialize_field("data", &data)?;
        if truncated {
            fields.serialize_field("truncated", &true)?;
        }
        fields.end()
    }
}

/// The first values: integers as such, floats as f64; what JSON cannot say (NaN, infinities) as text.
fn flat(xs: &Tensor) -> candle_core::Result<Vec<Json>> {
    let xs = xs.flatten_all()?;
    let xs = xs.narrow(0, 0, xs.elem_count().min(KEPT_VALUES))?;
    if matches!(xs.dtype(), DType::U8 | DType::U32 | DType::I16 | DType::I32 | DType::I64) {
        return Ok(xs.to_dtype(DType::I64)?.to_vec1::<i64>()?.into_iter().map(Json::from).collect());
    }
    let float = |value: f64| if value.is_finite() { Json::from(value) } else { Json::from(value.to_string()) };
    Ok(xs.to_dtype(DType::F64)?.to_vec1::<f64>()?.into_iter().map(float).collect())
}

fn nested(values: &mut impl Iterator<Item = Json>, dims: &[usize]) -> Json {
    match dims.split_first() {
        None => values.next().unwrap_or(Json::Null),
        Some((&size, inner)) => Json::Array((0..size).map(|_| nested(values, inner)).collect()),
    }
}

/// numpy's name of a dtype, for example `float32`.
pub(crate) fn numpy_name(dtype: DType) -> &'static str {
    match dtype {
        DType::U8 => "uint8",
        DType::U32 => "uint32",
        DType::I16 => "int16",
        DType::I32 => "int32",
        DType::I64 => "int64",
        DType::F16 => "float16",
        DType::F32 => "float32",
        DType::F64 => "float64",
        other => other.as_str(),
    }
}
