use std::io;
use std::sync::{Mutex, PoisonError};

use super::buffer::{Buffer, Layout, Slot};
use super::kernel::Kernels;
use super::layer::{Affine, Folded, Pointwise, Stem, Winograd};
use super::plan::{Entry, Plan};
use super::shape::{Channels, Shape};
use super::{GRANULE, Level, Precision};

/// torchvision's batch normalisation epsilon.
const EPS: f64 = 1e-5;

/// From this many pixels a side, larger Winograd tiles pay for their larger weights.
const LARGE_TILES: usize = 20;

/// f32 of idle plans that are kept for each thread, if those of the last kind leave them: 32 MiB.
const KEPT: usize = 8 << 20;

/// Reads a tensor by its torchvision name and shape.
pub(crate) type Source<'a, E> = dyn FnMut(&str, &[usize]) -> Result<Vec<f32>, E> + 'a;

/// A dense layer.
#[derive(Debug)]
pub(super) struct Dense {
    pub(super) bottleneck: Pointwise,
    pub(super) grow: Winograd,
    /// Where its channels begin.
    pub(super) place: usize,
}

/// A dense block and the transition to the next one.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) channels: Channels,
    /// Channels that enter it.
    pub(super) entering: usize,
    pub(super) layers: Vec<Dense>,
    pub(super) transition: Option<Pointwise>,
    /// Distance from a pixel to the next one in the block's buffer.
    pub(super) stride: usize,
}

/// A DenseNet whose weights are packed for one instruction set.
#[derive(Debug)]
pub(crate) struct Network {
    pub(super) kernels: &'static Kernels,
    pub(super) shape: Shape,
    precision: Precision,
    pub(super) stem: Stem,
    pub(super) blocks: Vec<Block>,
    pub(super) norm5: Affine,
    /// `[classes][latent]` and `[classes]`.
    pub(super) classifier: (Slot, Slot),
    pub(super) weights: Buffer,
    /// Plans with their memory, of passes that are over.
    idle: Mutex<Vec<Plan>>,
}

impl Network {
    /// A network whose weights are yet to be read. `None` if the processor does not have the instructions of `level`.
    ///
    /// # Errors
    ///
    /// If there is no memory for the weights.
    pub(crate) fn new(shape: Shape, precision: Precision, level: Level) -> io::Result<Option<Self>> {
        let Some(kernels) = Kernels::of(level) else { return Ok(None) };
        let panel = kernels.panel;
        let products = kernels.products(precision);
        let mut layout = Layout::default();
        let width = shape.bn_size * shape.growth_rate;
        let stem = Stem::plan(&mut layout, shape.channels, shape.init_features, panel);
        let (_, sides) = shape.sides(0, shape.usual);
        let entering = shape.entering();
        let mut blocks = Vec::new();
        for (index, &count) in shape.block_layers.iter().enumerate() {
            let mut channels = Channels::entering(entering[index]);
            let tile = if sides[index].0.min(sides[index].1) >= LARGE_TILES { 6 } else { 4 };
            // The larger tiles' transforms magnify what rounding to bf16 leaves.
            let transformed = if tile == 4 { products } else { kernels.products(Precision::F32) };
            let mut layers = Vec::new();
            for _ in 0..count {
                let place = channels.depth();
                layers.push(Dense {
                    bottleneck: Pointwise::plan(&mut layout, products, place, width, true, panel),
                    grow: Winograd::plan(
                        &mut layout,
                        transformed,
                        width.next_multiple_of(GRANULE),
                        shape.growth_rate,
                        tile,
                        panel,
                    ),
                    place,
                });
                channels.append(shape.growth_rate);
            }
            let depth = channels.depth();
            let next = (index + 1 < shape.block_layers.len()).then(|| entering[index + 1]);
            let transition = next.map(|out| Pointwise::plan(&mut layout, products, depth, out, false, panel));
            // What enters is written in whole panels.
            let stride = depth.max(entering[index].next_multiple_of(panel));
            blocks.push(Block { channels, entering: entering[index], layers, transition, stride });
        }
        let latent = shape.latent_dim();
        let norm5 = Affine::plan(&mut layout, blocks.last().map_or(0, |block| block.channels.depth()));
        let classifier = (layout.take(shape.classes * latent), layout.take(shape.classes));
        let weights = Buffer::new(&layout)?;
        Ok(Some(Self { kernels, shape, precision, stem, blocks, norm5, classifier, weights, idle: Mutex::default() }))
    }

    pub(crate) fn level(&self) -> Level {
        self.kernels.level
    }

    pub(crate) fn precision(&self) -> Precision {
        self.precision
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Reads and packs all weights.
    ///
    /// # Errors
    ///
    /// The source's.
    pub(crate) fn load<E>(&mut self, source: &mut Source<E>) -> Result<(), E> {
        let shape = &self.shape;
        let to = &mut self.weights;
        let width = shape.bn_size * shape.growth_rate;
        let taps = source("features.conv0.weight", &[shape.init_features, shape.channels, 7, 7])?;
        self.stem.pack(to, &taps, &fold(source, "features.norm0", shape.init_features)?);
        for (index, block) in self.blocks.iter().enumerate() {
            let mut channels = Channels::entering(block.entering);
            for (j, layer) in block.layers.iter().enumerate() {
                let name = format!("features.denseblock{}.denselayer{}", index + 1, j + 1);
                let inputs = channels.places.len();
                let before = fold(source, &format!("{name}.norm1"), inputs)?;
                layer.bottleneck.affine.pack(to, &before, &channels.places);
                let weights = source(&format!("{name}.conv1.weight"), &[width, inputs, 1, 1])?;
                let after = fold(source, &format!("{name}.norm2"), width)?;
                layer.bottleneck.pack(to, &weights, &channels, Some(&after));
                let taps = source(&format!("{name}.conv2.weight"), &[shape.growth_rate, width, 3, 3])?;
                layer.grow.pack(to, &taps, width);
                channels.append(shape.growth_rate);
            }
            let inputs = channels.places.len();
            if let Some(transition) = &block.transition {
                let name = format!("features.transition{}", index + 1);
                transition.affine.pack(to, &fold(source, &format!("{name}.norm"), inputs)?, &channels.places);
                let weights = source(&format!("{name}.conv.weight"), &[inputs / 2, inputs, 1, 1])?;
                transition.pack(to, &weights, &channels, None);
            } else {
                self.norm5.pack(to, &fold(source, "features.norm5", inputs)?, &channels.places);
            }
        }
        let latent = shape.latent_dim();
        let weights = source("classifier.weight", &[shape.classes, latent])?;
        to.slot_mut(self.classifier.0).copy_from_slice(&weights);
        to.slot_mut(self.classifier.1).copy_from_slice(&source("classifier.bias", &[shape.classes])?);
        Ok(())
    }

    /// A plan for passes that begin as `entry` says, from an earlier pass if there is one.
    pub(super) fn plan(&self, entry: Entry) -> io::Result<Plan> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        match idle.iter().rposition(|plan| plan.entry == entry) {
            Some(place) => Ok(idle.remove(place)),
            None => {
                drop(idle);
                Plan::new(self, entry)
            }
        }
    }

    /// Keeps a plan for the next pass of its kind: as many of a kind as there are threads, and of other kinds, the oldest first to go, what
    /// memory is left.
    pub(super) fn put_back(&self, plan: Plan) {
        let threads = rayon::current_num_threads();
        let entry = plan.entry;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.iter().filter(|kept| kept.entry == entry).count() < threads {
            idle.push(plan);
        }
        let size = |idle: &[Plan]| idle.iter().map(Plan::size).sum::<usize>();
        while size(&idle) > threads * KEPT {
            let Some(oldest) = idle.iter().position(|kept| kept.entry != entry) else { break };
            idle.remove(oldest);
        }
    }
}

impl Shape {
    /// The width of the latent vector.
    pub(crate) fn latent_dim(&self) -> usize {
        self.entering().last().copied().unwrap_or(0)
    }
}

/// A batch normalisation as a scale and a shift, computed in f64.
fn fold<E>(source: &mut Source<E>, name: &str, channels: usize) -> Result<Folded, E> {
    let mut read = |part: &str| source(&format!("{name}.{part}"), &[channels]);
    let (weight, bias) = (read("weight")?, read("bias")?);
    let (mean, variance) = (read("running_mean")?, read("running_var")?);
    let scales = weight.iter().zip(&variance).map(|(&w, &v)| f64::from(w) / (f64::from(v) + EPS).sqrt());
    let scales: Vec<f64> = scales.collect();
    let shifts = bias.iter().zip(&mean).zip(&scales).map(|((&b, &m), s)| (f64::from(b) - f64::from(m) * s) as f32);
    Ok(Folded { shift: shifts.collect(), scale: scales.iter().map(|&s| s as f32).collect() })
}
