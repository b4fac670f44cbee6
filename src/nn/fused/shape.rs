use super::GRANULE;

/// What the engine needs to know of a DenseNet; the names are those of `DenseNetConfig`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) channels: usize,
    pub(crate) init_features: usize,
    pub(crate) growth_rate: usize,
    pub(crate) bn_size: usize,
    pub(crate) block_layers: Vec<usize>,
    pub(crate) classes: usize,
    /// Height and width of the usual input. Others give the same results, perhaps not as fast.
    pub(crate) usual: (usize, usize),
}

impl Shape {
    /// Channels that enter each block, and those that leave the last one.
    pub(super) fn entering(&self) -> Vec<usize> {
        let mut channels = vec![self.init_features];
        for (block, layers) in self.block_layers.iter().enumerate() {
            let out = channels[block] + layers * self.growth_rate;
            channels.push(if block + 1 < self.block_layers.len() { out / 2 } else { out });
        }
        channels
    }

    /// Height and width after the stem's convolution, and in each block, for a map of `size` that enters stage `stage`. Zero before it.
    pub(super) fn sides(&self, stage: usize, size: (usize, usize)) -> ((usize, usize), Vec<(usize, usize)>) {
        let halved = |(h, w): (usize, usize)| (h.div_ceil(2), w.div_ceil(2));
        let stem = if stage == 0 { halved(size) } else { (0, 0) };
        let first = self.first_block(stage);
        let mut sides = vec![(0, 0); first];
        let mut side = if stage == 0 { halved(stem) } else { size };
        for _ in first..self.block_layers.len() {
            sides.push(side);
            side = (side.0 / 2, side.1 / 2);
        }
        (stem, sides)
    }

    /// The first block whose pixels stage `stage` needs: a transition works on those of the block before it, and so does what
    /// follows the last one.
    pub(super) fn first_block(&self, stage: usize) -> usize {
        (stage.saturating_sub(1) / 2).min(self.block_layers.len() - 1)
    }

    /// Stages: the stem, blocks and transitions in turn, the last normalisation.
    pub(crate) fn stages(&self) -> usize {
        2 * self.block_layers.len() + 1
    }
}

/// Where the channels of a block's buffer lie: what enters and what each layer adds begins on a granule of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Channels {
    /// The place of each channel.
    pub(super) places: Vec<usize>,
}

impl Channels {
    pub(super) fn entering(count: usize) -> Self {
        Self { places: (0..count).collect() }
    }

    pub(super) fn append(&mut self, count: usize) {
        let start = self.depth();
        self.places.extend(start..start + count);
    }

    /// Places in use, up to a whole granule.
    pub(super) fn depth(&self) -> usize {
        self.places.last().map_or(0, |last| last + 1).next_multiple_of(GRANULE)
    }
}
