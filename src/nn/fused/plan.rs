//! What a pass of one image does, in which order, in which memory.

use std::io;
use std::ops::Range;

use super::GRANULE;
use super::buffer::{Buffer, Layout, Slot};
use super::layer::Pointwise;
use super::network::{Block, Network};

/// f32 of packed pixels that a unit of a product works on at once: they should stay in the second level cache.
const PACKED: usize = 64 * 1024;

/// Where a pass begins, and with how large a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// The first stage: 0 is the stem, then blocks and transitions take turns.
    pub(super) stage: usize,
    /// What enters that stage.
    pub(super) height: usize,
    pub(super) width: usize,
    /// Threads that may take part.
    pub(super) threads: usize,
}

impl Entry {
    fn unfit(&self, how: &str) -> io::Error {
        let size = format!("a map of {} x {} is too {how} for the network", self.height, self.width);
        io::Error::new(io::ErrorKind::InvalidInput, size)
    }
}

/// One step of a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The input into channels-last order, with its border.
    Load,
    /// The first convolution.
    Stem,
    /// Its max-pool.
    Pool,
    /// A dense layer's 1x1 convolution: block and layer.
    Bottleneck(usize, usize),
    /// A dense layer's 3x3 convolution.
    Grow(usize, usize),
    /// From a block to the next one.
    Transition(usize),
}

impl Step {
    /// The stage that the step belongs to.
    pub(super) const fn stage(&self) -> usize {
        match *self {
            Self::Load | Self::Stem | Self::Pool => 0,
            Self::Bottleneck(block, _) | Self::Grow(block, _) => 2 * block + 1,
            Self::Transition(block) => 2 * block + 2,
        }
    }

    /// What the step is, and of which block.
    pub(super) const fn kind(&self) -> (&'static str, usize) {
        match *self {
            Self::Load => ("load", 0),
            Self::Stem => ("stem", 0),
            Self::Pool => ("pool", 0),
            Self::Bottleneck(block, _) => ("1x1", block),
            Self::Grow(block, _) => ("3x3", block),
            Self::Transition(block) => ("transition", block),
        }
    }
}

/// How the rows and panels of a product are shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) rows: usize,
    pub(super) row_units: usize,
    pub(super) panel_units: usize,
}

/// The memory of one block.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) height: usize,
    pub(super) width: usize,
    /// `[height][width][stride]`.
    pub(super) pixels: Slot,
    /// What the bottlenecks give, with a border of zeros that Winograd tiles reach into: `[padded.0][padded.1][mid]`.
    pub(super) middle: Slot,
    pub(super) padded: (usize, usize),
    /// Channels of `middle`.
    pub(super) mid: usize,
    /// Outputs of a Winograd tile, a side.
    pub(super) outputs: usize,
    /// Tiles: rows and columns.
    pub(super) tiles: (usize, usize),
    /// Tiles that a unit of a 3x3 convolution takes.
    pub(super) group: usize,
    /// Each pixel's place in `pixels` and in `middle`.
    pub(super) places: Vec<u32>,
    pub(super) middle_places: Vec<u32>,
    /// The upper left one of the four pixels that become a pixel of the next block.
    pub(super) corners: Vec<u32>,
}

/// Steps and memory of passes with one entry.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) entry: Entry,
    pub(super) steps: Vec<Step>,
    /// Units of each step.
    pub(super) units: Vec<usize>,
    /// How the step's product is shared out, where it is one.
    pub(super) splits: Vec<Split>,
    /// The padded input and its rows and columns.
    pub(super) input: Slot,
    pub(super) padded: (usize, usize),
    /// The first convolution's output and its rows and columns.
    pub(super) stem: Slot,
    pub(super) stem_sides: (usize, usize),
    pub(super) rooms: Vec<Room>,
    /// `[latent places]`.
    pub(super) latent: Slot,
    /// Each worker's own: operands and results of products.
    pub(super) scratch: Vec<(Slot, Slot)>,
    pub(super) memory: Buffer,
    /// `0, 1, 2, ...` times the panel: places of rows that lie one after the other.
    pub(super) rows: Vec<u32>,
}

impl Plan {
    /// # Errors
    ///
    /// For a map so large that its places exceed 32 bits, or for which there is no memory.
    pub(super) fn new(network: &Network, entry: Entry) -> io::Result<Self> {
        let (shape, panel) = (&network.shape, network.kernels.panel);
        let mut layout = Layout::default();
        let (stem_sides, sides) = shape.sides(entry.stage, (entry.height, entry.width));
        let padded = if entry.stage == 0 { (2 * stem_sides.0 + 5, 2 * stem_sides.1 + 5) } else { (0, 0) };
        let input = layout.take(padded.0 * padded.1 * shape.channels);
        let stem = layout.take(stem_sides.0 * stem_sides.1 * network.stem.panels * panel);
        let mut rooms = Vec::new();
        let (mut operands, mut results) = (0, 0);
        for (block, &(height, width)) in network.blocks.iter().zip(&sides) {
            let room = room(network, block, &mut layout, entry.threads, height, width);
            let places = room.places.len().max(room.padded.0 * room.padded.1) as u64;
            if places * block.stride.max(room.mid) as u64 > u64::from(u32::MAX) {
                return Err(entry.unfit("large"));
            }
            for layer in &block.layers {
                let positions = layer.grow.tile.pow(2);
                let words = layer.grow.products.words(layer.grow.depth);
                operands = operands.max(positions * (room.group * words + GRANULE));
                results = results.max(positions * (room.group * layer.grow.panels * panel + GRANULE));
            }
            rooms.push(room);
        }
        let latent = layout.take(network.blocks.last().map_or(0, |block| block.channels.depth()));
        let mut plan = Self {
            entry,
            steps: Vec::new(),
            units: Vec::new(),
            splits: Vec::new(),
            input,
            padded,
            stem,
            stem_sides,
            rooms,
            latent,
            scratch: Vec::new(),
            memory: Buffer::new(&Layout::default())?,
            rows: Vec::new(),
        };
        plan.list_steps(network);
        for (step, split) in plan.steps.iter().zip(&plan.splits) {
            let words = match *step {
                Step::Bottleneck(block, layer) => network.blocks[block].layers[layer].bottleneck.operands(),
                Step::Transition(block) => network.blocks[block].transition.as_ref().map_or(0, Pointwise::operands),
                _ => 0,
            };
            operands = operands.max(split.rows.div_ceil(split.row_units.max(1)) * words);
        }
        plan.scratch = (0..entry.threads).map(|_| (layout.take(operands), layout.take(results))).collect();
        let group = plan.rooms.iter().map(|room| room.group).max().unwrap_or(0);
        plan.rows = (0..group).map(|row| (row * panel) as u32).collect();
        plan.memory = Buffer::new(&layout)?;
        Ok(plan)
    }

    fn list_steps(&mut self, network: &Network) {
        let none = Split { rows: 0, row_units: 1, panel_units: 1 };
        let Entry { stage, threads, .. } = self.entry;
        let mut push = |step: Step, units, split| {
            if step.stage() >= stage {
                self.steps.push(step);
                self.units.push(units);
                self.splits.push(split);
            }
        };
        push(Step::Load, self.entry.height, none);
        push(Step::Stem, self.stem_sides.0, none);
        push(Step::Pool, self.rooms[0].height, none);
        for (index, (block, room)) in network.blocks.iter().zip(&self.rooms).enumerate() {
            for (j, layer) in block.layers.iter().enumerate() {
                let split = share(room.places.len(), &layer.bottleneck, threads);
                push(Step::Bottleneck(index, j), split.row_units * split.panel_units, split);
                push(Step::Grow(index, j), (room.tiles.0 * room.tiles.1).div_ceil(room.group), none);
            }
            if let Some(transition) = &block.transition {
                let split = share(self.rooms[index + 1].places.len(), transition, threads);
                push(Step::Transition(index), split.row_units * split.panel_units, split);
            }
        }
    }

    /// f32 of its memory.
    pub(super) fn size(&self) -> usize {
        self.memory.values().len()
    }

    /// Whether anything of the map is left in `block`.
    ///
    /// # Errors
    ///
    /// If the transitions before it have halved the map away.
    pub(super) fn reaches(&self, block: usize) -> io::Result<()> {
        if self.rooms[block].places.is_empty() { Err(self.entry.unfit("small")) } else { Ok(()) }
    }

    /// The steps that make the stages `stages`; the last stage, a normalisation, is no step.
    pub(super) fn steps_of(&self, stages: Range<usize>) -> Range<usize> {
        let place = |end| self.steps.iter().position(|step| step.stage() >= end).unwrap_or(self.steps.len());
        place(stages.start)..place(stages.end)
    }
}

/// Plans the memory of one block.
fn room(network: &Network, block: &Block, layout: &mut Layout, threads: usize, height: usize, width: usize) -> Room {
    let kernels = network.kernels;
    let (tile, operands, rows, mid) = block.layers.first().map_or((4, GRANULE, 1, GRANULE), |layer| {
        let (grow, mid) = (&layer.grow, layer.bottleneck.panels * kernels.panel);
        (grow.tile, grow.products.words(grow.depth), grow.products.rows(), mid)
    });
    let outputs = tile - 2;
    let tiles = (height.div_ceil(outputs), width.div_ceil(outputs));
    let padded = (tiles.0 * outputs + 2, tiles.1 * outputs + 2);
    let pixels = height * width;
    let middle_place = |pixel: usize| (((pixel / width + 1) * padded.1 + pixel % width + 1) * mid) as u32;
    let (h, w) = (height / 2, width / 2);
    let corner = |pixel: usize| ((2 * (pixel / w) * width + 2 * (pixel % w)) * block.stride) as u32;
    // As many units as threads, or a multiple, with operands that fit the cache.
    let most = (PACKED / (tile * tile * operands)).max(1).next_multiple_of(rows);
    let units = (tiles.0 * tiles.1).div_ceil(most).next_multiple_of(threads);
    Room {
        height,
        width,
        pixels: layout.take(pixels * block.stride),
        middle: layout.take(padded.0 * padded.1 * mid),
        padded,
        mid,
        outputs,
        tiles,
        group: (tiles.0 * tiles.1).div_ceil(units.max(1)).max(1),
        places: (0..pixels).map(|pixel| (pixel * block.stride) as u32).collect(),
        middle_places: (0..pixels).map(middle_place).collect(),
        corners: (0..h * w).map(corner).collect(),
    }
}

/// Shares a product out: rows first, and panels too where there are few rows.
fn share(rows: usize, layer: &Pointwise, threads: usize) -> Split {
    let tile = layer.products.rows();
    let fitting = rows.div_ceil((PACKED / layer.operands()).max(tile));
    let mut best = Split { rows, row_units: fitting, panel_units: 1 };
    let mut least = f64::INFINITY;
    for panel_units in (1..=layer.panels).filter(|units| layer.panels.is_multiple_of(*units)) {
        for row_units in [fitting, fitting.next_multiple_of(threads)] {
            let row_units = row_units.min(rows);
            let tiles = rows.div_ceil(row_units.max(1)).div_ceil(tile);
            // Packing a tile costs about a quarter of multiplying it by one panel.
            let unit = tiles as f64 * ((layer.panels / panel_units) as f64 + 0.25);
            let cost = (row_units * panel_units).div_ceil(threads) as f64 * unit;
            if cost < least {
                (least, best) = (cost, Split { rows, row_units, panel_units });
            }
        }
    }
    best
}
