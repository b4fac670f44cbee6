//! The stages that classifiers and detectors share: `model.0` to `model.8`.

use candle_core::Result as TensorResult;

use super::blocks::{C2f, Conv};
use super::{Source, YoloSize};
use crate::model::staged::Layer;

/// A stage of the backbone, in the base size.
#[derive(Clone, Copy)]
enum Part {
    /// A convolution 3x3 to so many channels that halves the sides.
    Halve(usize),
    /// Channels and bottlenecks of a block.
    Block(usize, usize),
}

/// The nine stages with their names. The deepest maps have `deepest` channels in the base.
pub(super) fn stages(
    size: YoloSize,
    channels: usize,
    deepest: usize,
    source: &Source,
) -> TensorResult<Vec<(String, Box<dyn Layer>)>> {
    use Part::{Block, Halve};
    let parts = [
        Halve(64),
        Halve(128),
        Block(128, 3),
        Halve(256),
        Block(256, 6),
        Halve(512),
        Block(512, 6),
        Halve(deepest),
        Block(deepest, 3),
    ];
    let mut inputs = channels;
    let mut stages = Vec::with_capacity(parts.len());
    for (place, part) in parts.into_iter().enumerate() {
        let name = format!("model.{place}");
        let (Halve(base) | Block(base, _)) = part;
        let outputs = size.width(base);
        let layer: Box<dyn Layer> = match part {
            Halve(_) => Box::new(Conv::new(inputs, outputs, 3, 2, source.pp(&name))?),
            Block(_, depth) => Box::new(C2f::new(inputs, outputs, size.depth(depth), true, source.pp(&name))?),
        };
        stages.push((name, layer));
        inputs = outputs;
    }
    Ok(stages)
}
