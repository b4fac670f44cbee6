//! A pass over one size of batch, laid out: which step reads and writes where. Nothing here needs a GPU.

use std::ops::Range;

use super::fold::{Folded, Layer, Stem, Transition};
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
    /// The steps of each stage. The last one, `norm5`, has none: it is [`Place::affine`], applied on the way out.
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
    /// # Errors
    ///
    /// [`Error::Argument`] if so many halvings leave no pixel of the image.
    pub(super) fn new(config: &DenseNetConfig, folded: &Folded, images: Images, value: usize) -> Result<Self> {
        let shapes = Shapes::of(config, images);
        if shapes.blocks.iter().any(|block| block.images.rows() == 0) {
            let expected = format!("sides that {} halvings leave a pixel of", config.block_layers.len() + 1);
            return Err(Error::argument("CudaDenseNet", expected, format!("{} x {}", images.h, images.w)));
        }
        let layout = Layout::new(config, folded, &shapes, images, value);
        let image = Place { rows: layout.image.first(config.channels), images, affine: None };
        let mut pass = Pass { layout, steps: Vec::new(), stages: Vec::new(), places: vec![image] };
        pass.stem(folded, &shapes, images);
        for (index, layers) in folded.blocks.iter().enumerate() {
            pass.block(config, &shapes.blocks[index], layers);
            if let (Some(transition), Some(next)) = (folded.transitions.get(index), shapes.blocks.get(index + 1)) {
                pass.transition(&shapes.blocks[index], next, transition);
            }
        }
        pass.head(folded);
        let Pass { layout, steps, stages, places } = pass;
        let program = Program::new(steps, value, folded.parameters, layout.bytes);
        let program = program.map_err(Error::tensor("CudaDenseNet"))?;
        Ok(Self { program, stages, places, latent: layout.latent, logits: layout.logits })
    }
}

/// Where everything lies, shared by all layers. One dense block takes the memory of the one before it, since the transition
/// between them has by then read all of it.
struct Layout {
    image: Rows,
    block: usize,
    /// What a 1x1 convolution reads, and before that what the first convolution gives.
    activated: usize,
    /// Between the two convolutions of a layer.
    middle: usize,
    /// A layer's channels before they are put behind the block's.
    newest: usize,
    latent: Rows,
    logits: Rows,
    bytes: usize,
}

impl Layout {
    fn new(config: &DenseNetConfig, folded: &Folded, shapes: &Shapes, images: Images, value: usize) -> Self {
        let mut space = Space { value, bytes: 0 };
        let block = shapes.blocks.iter().map(|block| block.images.rows() * block.width).max().unwrap_or(0);
        let pixels = shapes.blocks.iter().map(|block| block.images.rows()).max().unwrap_or(0);
        // A transition leaves a quarter of the rows, so that what it activates is never more than its block.
        let activated = block.max(shapes.stem.rows() * config.init_features);
        Self {
            image: space.rows(images.rows(), folded.channels),
            block: space.take(block),
            activated: space.take(activated),
            middle: space.take(pixels * config.bn_size * config.growth_rate),
            newest: space.take(pixels * config.growth_rate),
            latent: space.rows(images.n, config.latent_dim()),
            logits: space.rows(images.n, folded.bias.len),
            bytes: space.bytes,
        }
    }

    /// The whole of a block.
    fn block(&self, shape: &Shape) -> Rows {
        compact(self.block, shape.images, shape.width)
    }
}

/// A plan while it is written.
struct Pass {
    layout: Layout,
    steps: Vec<Step>,
    stages: Vec<Range<usize>>,
    places: Vec<Place>,
}

impl Pass {
    /// Ends a stage, which gives `rows`, through `affine` where there is one.
    fn end(&mut self, rows: Rows, images: Images, affine: Option<Affine>) {
        let from = self.stages.last().map_or(0, |stage| stage.end);
        self.stages.push(from..self.steps.len());
        self.places.push(Place { rows, images, affine });
    }

    fn stem(&mut self, folded: &Folded, shapes: &Shapes, images: Images) {
        let Stem { kernel, shift } = folded.stem;
        let block = &shapes.blocks[0];
        let convolved = compact(self.layout.activated, shapes.stem, block.entering);
        let output = self.layout.block(block).first(block.entering);
        let input = self.layout.image;
        self.steps.push(Step::Convolve { input, images, window: STEM, kernel, output: convolved });
        self.steps.push(Step::MaxPool { input: convolved, images: shapes.stem, shift, output });
        self.end(output, block.images, None);
    }

    fn block(&mut self, config: &DenseNetConfig, shape: &Shape, layers: &[Layer]) {
        let (images, growth) = (shape.images, config.growth_rate);
        let block = self.layout.block(shape);
        let middle = compact(self.layout.middle, images, config.bn_size * growth);
        let newest = compact(self.layout.newest, images, growth);
        for (place, layer) in layers.iter().enumerate() {
            // The layer before this one has left its channels beside the block.
            let columns = shape.entering + place * growth;
            let (fresh, kept) = if place == 0 { (None, columns) } else { (Some(newest), columns - growth) };
            let (block, activated) = (block.first(kept), compact(self.layout.activated, images, columns));
            let (weight, bias, kernel) = (layer.conv1, Some(layer.bias), layer.conv2);
            self.steps.push(Step::Activate { block, fresh, affine: layer.affine, output: activated });
            self.steps.push(Step::Product { input: activated, weight, bias, relu: true, output: middle });
            self.steps.push(Step::Convolve { input: middle, images, window: SAME, kernel, output: newest });
        }
        if !layers.is_empty() {
            self.steps.push(Step::Append { block: block.first(shape.width - growth), fresh: newest });
        }
        self.end(block, images, None);
    }

    fn transition(&mut self, shape: &Shape, next: &Shape, transition: &Transition) {
        let input = self.layout.block(shape);
        let halved = compact(self.layout.activated, next.images, shape.width);
        let output = self.layout.block(next).first(next.entering);
        self.steps.push(Step::Halve { input, images: shape.images, affine: transition.affine, output: halved });
        let weight = transition.weight;
        self.steps.push(Step::Product { input: halved, weight, bias: None, relu: false, output });
        self.end(output, next.images, None);
    }

    /// The last stage, which is an affine of the last block, and what follows it.
    fn head(&mut self, folded: &Folded) {
        let Layout { latent, logits, .. } = self.layout;
        if let Some(&Place { rows, images, .. }) = self.places.last() {
            self.end(rows, images, Some(folded.last));
            self.steps.push(Step::Mean { input: rows, images, affine: folded.last, output: latent });
        }
        let (weight, bias) = (folded.classifier, Some(folded.bias));
        self.steps.push(Step::Product { input: latent, weight, bias, relu: false, output: logits });
    }
}

/// A matrix for `images` with no gaps between its rows.
fn compact(start: usize, images: Images, columns: usize) -> Rows {
    Rows { start, rows: images.rows(), columns, step: columns }
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
