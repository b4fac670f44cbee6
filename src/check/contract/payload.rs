use std::collections::BTreeMap;

use candle_core::Tensor;
use serde::{Serialize, Serializer};

use crate::contract::tensor::serialize_at_most;
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
    /// The first failure in `display`.
    #[serde(skip)]
    pub(super) violation: Option<Violation>,
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
            violation: None,
        }
    }

    pub(super) fn failed(mut self, key: impl Into<String>, violation: &Violation) -> Self {
        self.fail(key, violation);
        self
    }

    pub(super) fn fail(&mut self, key: impl Into<String>, violation: &Violation) {
        self.display.insert(key.into(), violation.with_causes());
        self.violation.get_or_insert_with(|| violation.clone());
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
        match self {
            Self::Metadata(value) => value.serialize(serializer),
            Self::Type(one) => one.serialize(serializer),
            Self::Tensor(xs) => serialize_at_most(xs, KEPT_VALUES, serializer),
        }
    }
}
