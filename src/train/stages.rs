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

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Tensor};

    use super::*;
    use crate::model::{Architecture, Weights, YoloSize};

    /// A gradient of what flows out of a stage reaches the values of that stage and of those before it, and no others. That tells
    /// to which stage a value belongs, whatever its name.
    fn stages_are_where_the_gradients_are(architecture: Architecture, side: usize) {
        let input = crate::imaging::ImageSpec { width: side, height: side, ..architecture.input() };
        let card = Card::new(architecture, ["a", "b"]).with_input(input);
        let weights = Weights::random(card, 1).unwrap();
        let (network, variables) = weights.trainable(&Device::Cpu).unwrap();
        let parameters = parameters(&variables, network.split_points(), Some(weights.card())).unwrap();
        let xs = Tensor::ones((1, network.channels(), side, side), DType::F32, &Device::Cpu).unwrap();
        let stages = network.split_points().len();
        for stage in [0, stages / 2, stages - 1] {
            let ys = network.run(&xs, 0..stage + 1, crate::model::Mode::Eval).unwrap();
            let gradients = ys.sum_all().unwrap().backward().unwrap();
            for parameter in &parameters {
                let reached = gradients.get(parameter.var.as_tensor()).is_some();
                assert_eq!(reached, parameter.stage <= stage, "{architecture}: {} and stage {stage}", parameter.name);
            }
        }
    }

    #[test]
    fn every_value_has_its_stage() {
        stages_are_where_the_gradients_are(Architecture::SmallCnn, 32);
        stages_are_where_the_gradients_are(Architecture::DenseNet121, 32);
        stages_are_where_the_gradients_are(Architecture::YoloClassifier(YoloSize::N), 32);
    }

    #[cfg(feature = "zoo")]
    #[test]
    fn every_value_of_the_zoo_has_its_stage() {
        for name in ["resnet18", "efficientnet_b0", "mobilenetv4_conv_small", "convnext_tiny"] {
            stages_are_where_the_gradients_are(Architecture::by_name(name).unwrap(), 64);
        }
    }
}
