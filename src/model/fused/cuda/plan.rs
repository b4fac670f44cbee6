//! A pass over one size of batch, laid out: which step reads and writes where. Nothing here needs a GPU.

use std::ops::Range;

use super::fold::Folded;
use crate::model::DenseNetConfig;
use crate::nn::cuda::{ALIGNMENT, Affine, Images, Program, Rows, Step, Window};
use crate::{Error, Result};

/// The 7x7 convolution that begins the network.
const STEM: Window = Window { side: 7, stride: 2, padding: 3 };
/// The second convolution of a dense layer.
const SAME: Window = Window { side: 3, stride: 1, padding: 1 };

/// The program of a pass, and where to find in it what flows between the stages.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) program: Program,
    /// The steps of each stage. The last stage, `norm5`, has none: it is [`Place::affine`], applied on the way out.
    pub(super) stages: Vec<Range<usize>>,
    /// What flows into the network, and out of each stage.
    pub(super) places: Vec<Place>,
    pub(super) latent: Rows,
    /// One row for each image; the classes, then padding.
    pub(super) logits: Rows,
}

/// A feature map between two stages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) rows: Rows,
    pub(super) images: Images,
    /// What the values have still to be multiplied by and added to, to be what the stage gives.
    pub(super) affine: Option<Affine>,
}

impl Plan {
    /// For a batch `images`, in values of `value` bytes.
    ///
    /// Two dense blocks take turns in memory; all else is shared by all layers: the activated columns, the bottleneck, and
    /// the newest channels before they are put behind the block's.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] if so many halvings leave no pixel of the image.
    pub(super) fn new(config: &DenseNetConfig, folded: &Folded, images: Images, value: usize) -> Result<Self> {
        let shapes = Shapes::of(config, images);
        if shapes.blocks.iter().any(|block| block.images.rows() == 0) {
            let expected = format!("sides that {} halvings leave a pixel of", config.block_layers.len() + 1);
            return Err(Error::argument("CudaDenseNet", expected, format!("{} x {}", images.h, images.w)));
        }
        let growth = config.growth_rate;
        let mut space = Space { value, bytes: 0 };
        let largest = |parity: usize| {
            let sizes = shapes.blocks.iter().skip(parity).step_by(2);
            sizes.map(|block| block.images.rows() * block.width).max().unwrap_or(0)
        };
        let most = |columns: fn(&Shape) -> usize| {
            shapes.blocks.iter().map(|block| block.images.rows() * columns(block)).max().unwrap_or(0)
        };
        let image = space.rows(images.rows(), folded.channels);
        let turns = [space.take(largest(0)), space.take(largest(1))];
        // A transition leaves a quarter of the rows, so that what it activates is never more than its block.
        let stem = shapes.stem.rows() * config.init_features;
        let activated = space.take(stem.max(most(|block| block.width)));
        let middle = space.take(most(|_| 1) * config.bn_size * growth);
        let newest = space.take(most(|_| 1) * growth);
        let width = shapes.blocks.last().map_or(0, |block| block.width);
        let latent = space.rows(images.n, width);
        let logits = space.rows(images.n, folded.bias.len);

        let compact =
            |start: usize, images: Images, columns: usize| Rows { start, rows: images.rows(), columns, step: columns };
        let whole = |index: usize, shape: &Shape| compact(turns[index % 2], shape.images, shape.width);
        let first = whole(0, &shapes.blocks[0]).first(config.init_features);
        let convolved = compact(activated, shapes.stem, config.init_features);
        let mut steps = vec![
            Step::Convolve { input: image, images, window: STEM, kernel: folded.stem.kernel, output: convolved },
            Step::MaxPool { input: convolved, images: shapes.stem, shift: folded.stem.shift, output: first },
        ];
        let mut stages: Vec<_> = std::iter::once(0..steps.len()).collect();
        let mut places = vec![Place { rows: image.first(config.channels), images, affine: None }];
        places.push(Place { rows: first, images: shapes.blocks[0].images, affine: None });
        for (index, (shape, layers)) in shapes.blocks.iter().zip(&folded.blocks).enumerate() {
            let (from, block) = (steps.len(), whole(index, shape));
            let newest = compact(newest, shape.images, growth);
            for (place, layer) in layers.iter().enumerate() {
                let columns = shape.entering + place * growth;
                let fresh = (place > 0).then_some(newest);
                let kept = block.first(columns - fresh.map_or(0, |fresh| fresh.columns));
                let activated = compact(activated, shape.images, columns);
                let middle = compact(middle, shape.images, config.bn_size * growth);
                let (weight, bias) = (layer.conv1, Some(layer.bias));
                steps.push(Step::Activate { block: kept, fresh, affine: layer.affine, output: activated });
                steps.push(Step::Product { input: activated, weight, bias, relu: true, output: middle });
                let (images, kernel) = (shape.images, layer.conv2);
                steps.push(Step::Convolve { input: middle, images, window: SAME, kernel, output: newest });
            }
            if !layers.is_empty() {
                steps.push(Step::Append { block: block.first(shape.width - growth), fresh: newest });
            }
            stages.push(from..steps.len());
            places.push(Place { rows: block, images: shape.images, affine: None });
            if let (Some(transition), Some(next)) = (folded.transitions.get(index), shapes.blocks.get(index + 1)) {
                let from = steps.len();
                let halved = compact(activated, next.images, shape.width);
                let output = whole(index + 1, next).first(next.entering);
                steps.push(Step::Halve {
                    input: block,
                    images: shape.images,
                    affine: transition.affine,
                    output: halved,
                });
                let weight = transition.weight;
                steps.push(Step::Product { input: halved, weight, bias: None, relu: false, output });
                stages.push(from..steps.len());
                places.push(Place { rows: output, images: next.images, affine: None });
            }
        }
        stages.push(steps.len()..steps.len());
        if let Some(&Place { rows, images, .. }) = places.last() {
            places.push(Place { rows, images, affine: Some(folded.last) });
            steps.push(Step::Mean { input: rows, images, affine: folded.last, output: latent });
        }
        let (weight, bias) = (folded.classifier, Some(folded.bias));
        steps.push(Step::Product { input: latent, weight, bias, relu: false, output: logits });
        let program =
            Program::new(steps, value, folded.parameters, space.bytes).map_err(Error::tensor("CudaDenseNet"))?;
        Ok(Self { program, stages, places, latent, logits })
    }
}

/// The size of a batch whose feature map before the stage `stage` is `images`. There are several; any does, since what
/// follows depends on the feature map alone.
///
/// What the stem and the first block give has a quarter of the input's side, and behind each transition it is half as much.
pub(super) fn batch_for(stage: usize, images: Images) -> Images {
    let scale = if stage == 0 { 1 } else { 4 << ((stage - 1) / 2) };
    Images { h: images.h * scale, w: images.w * scale, ..images }
}

/// The sizes of feature maps.
struct Shapes {
    /// After the first convolution.
    stem: Images,
    blocks: Vec<Shape>,
}

struct Shape {
    images: Images,
    /// Channels that come in, and that go out.
    entering: usize,
    width: usize,
}

impl Shapes {
    fn of(config: &DenseNetConfig, images: Images) -> Self {
        let stem = images.through(STEM);
        let (mut images, mut entering) = (stem.through(Window::POOL), config.init_features);
        let block = |layers: &usize| {
            let shape = Shape { images, entering, width: entering + layers * config.growth_rate };
            (images, entering) = (images.halved(), shape.width / 2);
            shape
        };
        Self { stem, blocks: config.block_layers.iter().map(block).collect() }
    }
}

/// Memory that is given out from the start.
struct Space {
    value: usize,
    bytes: usize,
}

impl Space {
    /// Where so many values may lie.
    fn take(&mut self, values: usize) -> usize {
        let start = self.bytes;
        self.bytes = (start + values * self.value).next_multiple_of(ALIGNMENT);
        start
    }

    fn rows(&mut self, rows: usize, columns: usize) -> Rows {
        Rows { start: self.take(rows * columns), rows, columns, step: columns }
    }
}
