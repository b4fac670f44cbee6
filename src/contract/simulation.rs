use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{Code, Violation};

/// The values that a simulation's parameter may take.
#[derive(Debug, Clone, PartialEq)]
pub enum SimulationBounds {
    /// A number, `min < max`.
    Float {
        /// Least value.
        min: f64,
        /// Largest value.
        max: f64,
    },
    /// An integer, `min < max`.
    Int {
        /// Least value.
        min: i64,
        /// Largest value.
        max: i64,
    },
    /// One of some texts.
    Categorical {
        /// The texts; at least one.
        values: Vec<String>,
    },
}

/// One value of a simulation's parameter.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum SimulationValue {
    /// A number.
    Float(f64),
    /// An integer.
    Int(i64),
    /// A text.
    Text(String),
}

impl SimulationBounds {
    /// Bounds of a number.
    pub const fn float(min: f64, max: f64) -> Self {
        Self::Float { min, max }
    }

    /// Bounds of an integer.
    pub const fn int(min: i64, max: i64) -> Self {
        Self::Int { min, max }
    }

    /// One of some texts.
    pub fn categorical<T: Into<String>>(values: impl IntoIterator<Item = T>) -> Self {
        Self::Categorical { values: values.into_iter().map(Into::into).collect() }
    }

    /// The value that the check probes with: the middle, rounded towards zero for integers, or the first text.
    pub(crate) fn probe(&self) -> SimulationValue {
        match self {
            Self::Float { min, max } => SimulationValue::Float((min + max) / 2.0),
            Self::Int { min, max } => SimulationValue::Int(((*min as f64 + *max as f64) / 2.0).trunc() as i64),
            Self::Categorical { values } => SimulationValue::Text(values.first().cloned().unwrap_or_default()),
        }
    }

    /// code_loader's form: `{"type": "float", "bounds": {"min": 0.0, "max": 1.0}}`.
    pub(crate) fn to_json(&self) -> Json {
        match self {
            Self::Float { min, max } => json!({"type": "float", "bounds": {"min": min, "max": max}}),
            Self::Int { min, max } => json!({"type": "int", "bounds": {"min": min, "max": max}}),
            Self::Categorical { values } => json!({"type": "string", "bounds": {"values": values}}),
        }
    }

    /// The rules of one parameter.
    pub(crate) fn validate(&self, function: &str, parameter: &str) -> Result<(), Violation> {
        let ordered = |min: String, max: String, fits: bool| {
            let expected = format!("parameter {parameter}: min must be < max");
            if fits { Ok(()) } else { Err(broken(function, expected, format!("min {min}, max {max}"))) }
        };
        match self {
            Self::Float { min, max } => ordered(min.to_string(), max.to_string(), min < max),
            Self::Int { min, max } => ordered(min.to_string(), max.to_string(), min < max),
            Self::Categorical { values } if values.is_empty() => {
                Err(broken(function, format!("parameter {parameter}: values must not be empty"), "no value"))
            }
            Self::Categorical { .. } => Ok(()),
        }
    }
}

pub(crate) fn broken(function: &str, expected: impl Into<String>, found: impl Into<String>) -> Violation {
    Violation::new(Code::SimulationRule, function, expected, found)
}

/// What a simulation is called with.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SimulationArguments {
    /// Parameters in registration order.
    pub parameters: Vec<(String, SimulationValue)>,
    /// Samples to make (Tensorleap: `N`); at least 1.
    pub samples: usize,
    /// Where all randomness comes from.
    pub seed: u64,
}

impl SimulationArguments {
    /// Arguments for a call that makes `samples` samples.
    pub fn new<P: Into<String>>(
        parameters: impl IntoIterator<Item = (P, SimulationValue)>,
        samples: usize,
        seed: u64,
    ) -> Self {
        let parameters = parameters.into_iter().map(|(name, value)| (name.into(), value)).collect();
        Self { parameters, samples, seed }
    }

    /// A parameter's value.
    pub fn get(&self, parameter: &str) -> Option<&SimulationValue> {
        self.parameters.iter().find(|(name, _)| name == parameter).map(|(_, value)| value)
    }

    /// A number parameter, or an integer one as a number.
    pub fn float(&self, parameter: &str) -> Option<f64> {
        match self.get(parameter)? {
            SimulationValue::Float(value) => Some(*value),
            SimulationValue::Int(value) => Some(*value as f64),
            SimulationValue::Text(_) => None,
        }
    }

    /// An integer parameter.
    pub fn int(&self, parameter: &str) -> Option<i64> {
        if let SimulationValue::Int(value) = self.get(parameter)? { Some(*value) } else { None }
    }

    /// A text parameter.
    pub fn text(&self, parameter: &str) -> Option<&str> {
        if let SimulationValue::Text(value) = self.get(parameter)? { Some(value) } else { None }
    }
}
