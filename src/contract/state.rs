use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// Which part of the data a subset is (Tensorleap: `DataStateType`), in code_loader's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataState {
    /// Samples the model learns from.
    Training,
    /// Samples the training run is steered by.
    Validation,
    /// Samples that are looked at once, at the end.
    Test,
    /// Samples without ground truth.
    Unlabeled,
    /// Anything else, for example simulated samples.
    Additional,
}

impl DataState {
    /// All states in contract order.
    pub const ALL: [Self; 5] = [Self::Training, Self::Validation, Self::Test, Self::Unlabeled, Self::Additional];

    /// The contract's spelling: `training`, `validation`, `test`, `unlabeled`, `additional`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Validation => "validation",
            Self::Test => "test",
            Self::Unlabeled => "unlabeled",
            Self::Additional => "additional",
        }
    }
}

impl fmt::Display for DataState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for DataState {
    type Err = Error;

    /// Reads the contract's spelling and the folder names `train` and `val`.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "train" => Ok(Self::Training),
            "val" => Ok(Self::Validation),
            _ => Self::ALL.into_iter().find(|state| state.as_str() == text).ok_or_else(|| {
                Error::config("subset", "training, validation, test, unlabeled or additional", format!("{text:?}"))
            }),
        }
    }
}
