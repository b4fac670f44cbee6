use std::fmt;

use serde::Serialize;

/// Which way a metric gets better (Tensorleap: `MetricDirection`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum MetricDirection {
    /// Larger is better.
    Upward,
    /// Smaller is better.
    Downward,
}

/// What an argument of a loss, metric or visualizer is fed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An input encoder's tensor.
    Input(String),
    /// A ground-truth encoder's tensor.
    GroundTruth(String),
    /// The model's output for a prediction type.
    Prediction(String),
    /// Whatever the integration test passes; the function is run there and nowhere else.
    Wired,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(name) => write!(f, "input {name:?}"),
            Self::GroundTruth(name) => write!(f, "ground truth {name:?}"),
            Self::Prediction(name) => write!(f, "prediction {name:?}"),
            Self::Wired => f.write_str("whatever it is fed"),
        }
    }
}

/// One argument of a loss, metric or visualizer: its name and what it is fed from.
///
/// ```
/// use leap_binder::contract::{ground_truth, prediction};
/// let arguments = [ground_truth("classes").named("y_true"), prediction("classes").named("y_pred")];
/// assert_eq!(arguments[0].name, "y_true");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// The name shown to users and written to the setup; that of the source unless [`Argument::named`]. Where two arguments
    /// of a function have one name, the later gets `_1` appended.
    pub name: String,
    /// Where its value comes from.
    pub source: Source,
}

impl Argument {
    /// Gives the argument a name of its own.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }
}

/// An argument called `name` that is fed in the integration test only.
///
/// For functions that are used several times on different things, such as a bar chart of truth and of prediction.
pub fn argument(name: impl Into<String>) -> Argument {
    Argument { name: name.into(), source: Source::Wired }
}

/// An argument fed from the input encoder called `name`.
pub fn input(name: impl Into<String>) -> Argument {
    let name = name.into();
    Argument { source: Source::Input(name.clone()), name }
}

/// An argument fed from the ground-truth encoder called `name`.
pub fn ground_truth(name: impl Into<String>) -> Argument {
    let name = name.into();
    Argument { source: Source::GroundTruth(name.clone()), name }
}

/// An argument fed from the model's output for the prediction type called `name`.
pub fn prediction(name: impl Into<String>) -> Argument {
    let name = name.into();
    Argument { source: Source::Prediction(name.clone()), name }
}
