use std::collections::BTreeMap;

use candle_core::Var;
use candle_nn::VarMap;
use serde::{Deserialize, Serialize};

use crate::model::{Card, learned};
use crate::{Error, Result};

/// Which stages of a model stand still in training. They are evaluated with their stored statistics and get no gradient.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frozen {
    /// All stages learn.
    #[default]
    Nothing,
    /// The stages up to and with this one of [`Model::split_points`](crate::model::Model::split_points) stand still, such as
    /// `features.transition3` for a DenseNet whose last block learns.
    Through(String),
    /// All stages stand still; the classification head alone learns.
    AllButHead,
}

impl Frozen {
    /// How many stages of `split_points` stand still.
    pub(super) fn count(&self, split_points: &[String]) -> Result<usize> {
        match self {
            Self::Nothing => Ok(0),
            Self::AllButHead if split_points.is_empty() => {
                Err(Error::config("frozen", "nothing, since the model cannot be cut", "all but the head"))
            }
            Self::AllButHead => Ok(split_points.len()),
            Self::Through(name) => {
                let place = split_points.iter().position(|point| point == name);
                let place = place.ok_or_else(|| Error::config("frozen", split_points.join(", "), name.clone()))?;
                Ok(place + 1)
            }
        }
    }
}

/// A learned value of a model.
#[derive(Debug, Clone)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) var: Var,
    /// The stage that it belongs to, by place among the split points; their number for the head.
    pub(super) stage: usize,
}

impl Parameter {
    /// Whether weight decay applies: to matrices and kernels, not to biases and normalisations.
    pub(super) fn decays(&self) -> bool {
        self.var.rank() > 1
    }
}

/// The learned values among `variables` with their stages, in the order of their names.
///
/// A value whose name begins with a split point's belongs to that stage. Of a network of the catalogue, others belong to the stage of
/// what the network asks for before them (the first stage, at the beginning); of any other model, to the head.
pub(super) fn parameters(variables: &VarMap, split_points: &[String], card: Option<&Card>) -> Result<Vec<Parameter>> {
    let head = split_points.len();
    let by_name = |name: &str| {
        let inside = |point: &String| name.strip_prefix(point.as_str()).is_some_and(|rest| rest.starts_with('.'));
        split_points.iter().rposition(inside)
    };
    let mut stages = BTreeMap::new();
    if let Some(card) = card {
        let mut stage = 0;
        for (name, _) in card.architecture.tensors(card.input.channels(), card.classes.len())? {
            stage = by_name(&name).unwrap_or(stage);
            let own = if name.starts_with(card.architecture.head()) { head } else { stage };
            stages.insert(name, own);
        }
    }
    let of = |name: &str| stages.get(name).copied().or_else(|| by_name(name)).unwrap_or(head);
    let learned = learned(variables).into_iter();
    Ok(learned.map(|(name, var)| Parameter { stage: of(&name), name, var }).collect())
}
