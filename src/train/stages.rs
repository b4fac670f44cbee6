use candle_core::{Tensor, Var};
use candle_nn::VarMap;
use serde::{Deserialize, Serialize};

use crate::model::{Mode, Network, learned};
use crate::{Error, Result};

/// The least side of the image that stages are traced with, in pixels.
const LEAST_SIDE: usize = 32;

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

/// The learned values of a network with their stages, in the order of their names.
///
/// Each stage is run once, alone, on an image of the smallest size, and what its gradient reaches belongs to it; the rest belongs to the
/// head.
pub(super) fn traced(network: &dyn Network, variables: &VarMap, step: usize) -> Result<Vec<Parameter>> {
    let side = (*network.sides().start()).max(LEAST_SIDE).next_multiple_of(step);
    let zeros = Tensor::zeros((1, network.channels(), side, side), network.dtype(), network.device());
    let mut xs = zeros.map_err(Error::tensor("tracing stages"))?;
    let head = network.split_points().len();
    let mut parameters: Vec<Parameter> =
        learned(variables).into_iter().map(|(name, var)| Parameter { name, var, stage: head }).collect();
    for stage in 0..head {
        let ys = network.run(&xs, stage..stage + 1, Mode::Eval)?;
        let gradients = ys.sum_all().and_then(|sum| sum.backward()).map_err(Error::tensor("tracing stages"))?;
        let reached = parameters.iter_mut().filter(|own| gradients.get(own.var.as_tensor()).is_some());
        reached.for_each(|own| own.stage = stage);
        xs = ys.detach();
    }
    Ok(parameters)
}

/// The same for a model that only names its stages: a value whose name begins with a split point's belongs to that stage, any other to the
/// head.
pub(super) fn named(variables: &VarMap, split_points: &[String]) -> Vec<Parameter> {
    let stage = |name: &str| {
        let inside = |point: &String| name.strip_prefix(point.as_str()).is_some_and(|rest| rest.starts_with('.'));
        split_points.iter().rposition(inside).unwrap_or(split_points.len())
    };
    learned(variables).into_iter().map(|(name, var)| Parameter { stage: stage(&name), name, var }).collect()
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::model::{Architecture, Card, Weights, YoloSize};

    /// How many values each stage has, and the head, by a network's tensor names.
    fn stages(architecture: Architecture, belongs: impl Fn(&str) -> usize) {
        let input = crate::imaging::ImageSpec { width: 32, height: 32, ..architecture.input() };
        let weights = Weights::random(Card::new(architecture, ["a", "b"]).with_input(input), 1).unwrap();
        let (network, variables) = weights.trainable(&Device::Cpu).unwrap();
        let traced = traced(&*network, &variables, architecture.step()).unwrap();
        assert!(!traced.is_empty());
        for Parameter { name, stage, .. } in traced {
            let expected = belongs(&name);
            assert_eq!(stage, expected, "{architecture}: {name}, of {:?}", network.split_points());
        }
    }

    /// The number after `start` in a name.
    fn number(name: &str, start: &str) -> Option<usize> {
        name.strip_prefix(start)?.split('.').next()?.parse().ok()
    }

    #[test]
    fn every_value_has_its_stage() {
        stages(Architecture::SmallCnn, |name| number(name, "features.").unwrap_or(5));
        stages(Architecture::DenseNet121, |name| match name {
            _ if name.starts_with("features.conv0") || name.starts_with("features.norm0") => 0,
            _ if name.starts_with("features.norm5") => 8,
            _ if name.starts_with("classifier") => 9,
            _ => number(name, "features.denseblock")
                .map(|block| 2 * block - 1)
                .or_else(|| number(name, "features.transition").map(|block| 2 * block))
                .unwrap(),
        });
        // The last of Ultralytics' modules is the head, with a convolution of its own.
        stages(Architecture::YoloClassifier(YoloSize::N), |name| number(name, "model.").unwrap());
    }

    #[cfg(feature = "zoo")]
    #[test]
    fn values_of_the_zoo_have_their_stages() {
        // Its stages are act1, maxpool, layer1 to layer4.
        let resnet = Architecture::by_name("resnet18").unwrap();
        let stem = |name: &str| if name.starts_with("fc") { 6 } else { 0 };
        stages(resnet, |name| number(name, "layer").map_or_else(|| stem(name), |layer| layer + 1));
    }
}
