use std::fmt::{self, Display};
use std::str::FromStr;

use candle_core::{DType, Device};

use super::FusedDenseNet;
use crate::model::{Network, Weights};
use crate::nn::fused::Precision;
use crate::{Error, Result};

/// What evaluates a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Engine {
    /// candle's tensor operations, as the network is defined.
    Plain,
    /// The compiled network where there is one, and the plain one elsewhere: compiled are DenseNets on the CPU in f32 and
    /// bf16.
    #[default]
    Fused,
}

impl Engine {
    /// Builds the network of `weights` to compute in `dtype` on `device`.
    ///
    /// # Errors
    ///
    /// As [`Weights::network`] and [`FusedDenseNet::new`].
    pub fn network(self, weights: &Weights, device: &Device, dtype: DType) -> Result<Box<dyn Network>> {
        let precision = match dtype {
            DType::F32 => Some(Precision::F32),
            DType::BF16 => Some(Precision::Bf16),
            _ => None,
        };
        let compiled = self == Self::Fused && device.is_cpu() && weights.architecture().densenet().is_some();
        match precision {
            Some(precision) if compiled => Ok(Box::new(FusedDenseNet::new(weights, precision)?)),
            _ => weights.network(device, dtype),
        }
    }
}

impl Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Fused => "fused",
        })
    }
}

impl FromStr for Engine {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        [Self::Plain, Self::Fused]
            .into_iter()
            .find(|engine| engine.to_string() == name)
            .ok_or_else(|| Error::config("engine", "plain or fused", name))
    }
}
