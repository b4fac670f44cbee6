//! The units of a pass's steps, in terms of the kernels.

use std::ops::Range;

use super::GRANULE;
use super::buffer::Slot;
use super::kernel::{Gather, Max, Product, Stem, Tile};
use super::layer::Pointwise;
use super::network::Network;
use super::plan::{Plan, Room, Split, Step};

/// The most lines that are fetched ahead for each granule of depth: more than these are in each other's way.
const AHEAD: usize = 8;

/// A plan's memory, as the units of a step share it: each writes where no other reads or writes.
#[derive(Clone, Copy)]
pub(super) struct Shared(*mut f32);

// SAFETY: units of one step touch disjoint places, and steps are ordered by `Team`.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// The memory of `plan`.
    pub(super) fn of(plan: &mut Plan) -> Self {
        Self(plan.memory.values_mut().as_mut_ptr())
    }

    pub(super) fn at(self, slot: Slot, place: usize) -> *mut f32 {
        debug_assert!(place <= slot.len, "{place} of {slot:?}");
        self.0.wrapping_add(slot.start + place)
    }
}

/// What all units of a pass see.
pub(super) struct Pass<'a> {
    network: &'a Network,
    plan: &'a Plan,
    memory: Shared,
    /// `[channels][height][width]`, where the pass begins with an image.
    image: &'a [f32],
}

impl<'a> Pass<'a> {
    /// A pass of `image` in the memory of `plan`, which nobody else sees meanwhile.
    pub(super) fn new(network: &'a Network, plan: &'a mut Plan, image: &'a [f32]) -> Self {
        let memory = Shared::of(plan);
        Self { network, plan, memory, image }
    }

    pub(super) fn plan(&self) -> &'a Plan {
        self.plan
    }

    /// Runs one unit of a step.
    ///
    /// # Safety
    ///
    /// Each unit is run once, when all steps before its own are over; `worker` is below the plan's threads, and no other thread
    /// has the same.
    pub(super) unsafe fn unit(&self, step: usize, unit: usize, worker: usize) {
        match self.plan.steps[step] {
            Step::Load => self.load(unit),
            Step::Stem => self.stem(unit),
            Step::Pool => self.pool(unit),
            Step::Bottleneck(block, layer) => self.bottleneck(block, layer, self.plan.splits[step], unit, worker),
            Step::Grow(block, layer) => self.grow(block, layer, unit, worker),
            Step::Transition(block) => self.transition(block, self.plan.splits[step], unit, worker),
        }
    }

    fn weights(&self, slot: Slot, place: usize) -> *const f32 {
        self.network.weights.slot(slot)[place..].as_ptr()
    }

    /// One row of the image into channels-last order.
    fn load(&self, y: usize) {
        let (plan, channels) = (self.plan, self.network.shape.channels);
        let (height, width) = (plan.entry.height, plan.entry.width);
        let start = ((y + 3) * plan.padded.1 + 3) * channels;
        // SAFETY: a row of the padded input, which no other unit touches.
        let row = unsafe { std::slice::from_raw_parts_mut(self.memory.at(plan.input, start), width * channels) };
        for channel in 0..channels {
            let values = &self.image[(channel * height + y) * width..][..width];
            row[channel..].iter_mut().step_by(channels).zip(values).for_each(|(to, from)| *to = *from);
        }
    }

    /// One row of the first convolution.
    fn stem(&self, y: usize) {
        let (network, plan) = (self.network, self.plan);
        let (stem, channels, panel) = (&network.stem, network.shape.channels, network.kernels.panel);
        let width = plan.stem_sides.1;
        let below = plan.padded.1 * channels;
        let depth = stem.panels * panel;
        for index in 0..stem.panels {
            for (x, rows) in tiles(0..width, network.kernels.stem.len()) {
                let args = Stem {
                    pixels: self.memory.at(plan.input, 2 * y * below + 2 * x * channels),
                    width: stem.width,
                    right: 2 * channels,
                    below,
                    weights: self.weights(stem.weights, index * 7 * stem.width * panel),
                    bias: self.weights(stem.bias, index * panel),
                    out: self.memory.at(plan.stem, (y * width + x) * depth + index * panel),
                    stride: depth,
                };
                // SAFETY: the windows of `rows` pixels lie inside the padded input; the pixels of this row are this unit's.
                unsafe { network.kernels.stem[rows - 1](&args) };
            }
        }
    }

    /// One row of the max-pool.
    fn pool(&self, y: usize) {
        let (network, plan) = (self.network, self.plan);
        let (room, (height, width)) = (&plan.rooms[0], plan.stem_sides);
        let depth = network.stem.panels * network.kernels.panel;
        let (top, bottom) = ((2 * y).saturating_sub(1), (2 * y + 2).min(height));
        for x in 0..room.width {
            let (left, right) = ((2 * x).saturating_sub(1), (2 * x + 2).min(width));
            let args = Max {
                pixels: self.memory.at(plan.stem, (top * width + left) * depth),
                inside: (bottom - top, right - left),
                right: depth,
                below: width * depth,
                depth,
                out: self.memory.at(room.pixels, (y * room.width + x) * network.blocks[0].stride),
            };
            // SAFETY: the window is inside the stem's output; the pixels of this row are this unit's.
            unsafe { (network.kernels.max)(&args) };
        }
    }

    fn bottleneck(&self, block: usize, layer: usize, split: Split, unit: usize, worker: usize) {
        let room = &self.plan.rooms[block];
        let layer = &self.network.blocks[block].layers[layer].bottleneck;
        let from = self.source(layer, room, 0);
        let out = (self.memory.at(room.middle, 0), &room.middle_places[..]);
        self.product(layer, split, unit, worker, (layer.products.gather, from, &room.places), out);
    }

    fn transition(&self, block: usize, split: Split, unit: usize, worker: usize) {
        let (room, next) = (&self.plan.rooms[block], &self.plan.rooms[block + 1]);
        let Some(layer) = &self.network.blocks[block].transition else { return };
        let from = self.source(layer, room, self.network.blocks[block].stride);
        let out = (self.memory.at(next.pixels, 0), &next.places[..]);
        self.product(layer, split, unit, worker, (layer.products.gather_pooled, from, &room.corners), out);
    }

    /// Where a 1x1 convolution reads, but for the rows.
    fn source(&self, layer: &Pointwise, room: &Room, stride: usize) -> Gather {
        Gather {
            depth: layer.depth,
            pixels: self.memory.at(room.pixels, 0),
            places: std::ptr::null(),
            rows: 0,
            right: stride,
            below: room.width * stride,
            scale: self.weights(layer.affine.scale, 0),
            shift: self.weights(layer.affine.shift, 0),
            out: std::ptr::null_mut(),
        }
    }

    /// A unit of a 1x1 convolution: gathers its rows and multiplies them by its panels.
    fn product(
        &self,
        layer: &Pointwise,
        split: Split,
        unit: usize,
        worker: usize,
        (gather, from, places): (unsafe fn(&Gather), Gather, &[u32]),
        (out, out_places): (*mut f32, &[u32]),
    ) {
        let (products, panel) = (layer.products, self.network.kernels.panel);
        let (row_unit, panel_unit) = (unit / split.panel_units, unit % split.panel_units);
        let rows = part(split.rows, row_unit, split.row_units);
        let (operands, words) = (self.plan.scratch[worker].0, layer.operands());
        let tiles = || tiles(rows.clone(), products.rows());
        for (first, count) in tiles() {
            let args = Gather {
                places: places[first..first + count].as_ptr(),
                rows: count,
                out: self.memory.at(operands, (first - rows.start) * words),
                ..from
            };
            // SAFETY: the places are pixels of the block; the operands are this worker's.
            unsafe { gather(&args) };
        }
        // While a panel is in use its successor is fetched, a share with each tile.
        let ahead = (panel * products.words / GRANULE).div_ceil(rows.len().div_ceil(products.rows())).min(AHEAD);
        for index in part(layer.panels, panel_unit, split.panel_units) {
            let b = self.weights(layer.weights, index * words * panel);
            for (tile, (first, count)) in tiles().enumerate() {
                let args = Product {
                    depth: layer.depth,
                    a: self.memory.at(operands, (first - rows.start) * words),
                    b,
                    bias: layer.bias.map_or(std::ptr::null(), |bias| self.weights(bias, index * panel)),
                    relu: layer.bias.is_some(),
                    out: out.wrapping_add(index * panel),
                    rows: out_places[first..first + count].as_ptr(),
                    next: b.wrapping_add(words * panel + tile * ahead * layer.depth),
                    ahead,
                };
                // SAFETY: the operands were gathered above; rows and panel are this unit's, inside the output.
                unsafe { products.product[count - 1](&args) };
            }
        }
    }

    /// A unit of a 3x3 convolution: a group of Winograd tiles.
    fn grow(&self, block: usize, layer: usize, unit: usize, worker: usize) {
        let (kernels, plan) = (self.network.kernels, self.plan);
        let (room, block) = (&plan.rooms[block], &self.network.blocks[block]);
        let (layer, place) = (&block.layers[layer].grow, block.layers[layer].place);
        let (kind, positions) = (layer.tile / 2 - 2, layer.tile * layer.tile);
        let (products, panel) = (layer.products, kernels.panel);
        let words = products.words(layer.depth);
        let group = unit * room.group..((unit + 1) * room.group).min(room.tiles.0 * room.tiles.1);
        let count = group.len();
        let (operands, results) = plan.scratch[worker];
        // One cache line more, so that the positions of a tile do not all fall into the same few sets of the cache.
        let (step, result_step) = (count * words + GRANULE, count * layer.panels * panel + GRANULE);
        let corner = |tile: usize| {
            let tile = group.start + tile;
            (tile / room.tiles.1 * room.outputs, tile % room.tiles.1 * room.outputs)
        };
        for (first, rows) in tiles(0..count, products.rows()) {
            for row in 0..rows {
                let (y, x) = corner(first + row);
                let args = Tile {
                    pixels: self.memory.at(room.middle, (y * room.padded.1 + x) * room.mid),
                    right: room.mid,
                    below: room.padded.1 * room.mid,
                    depth: layer.depth,
                    places: self.memory.at(operands, first * words + row * products.words),
                    position: step,
                    granule: rows * products.words,
                    inside: (0, 0),
                };
                // SAFETY: the tile is inside the padded map; the operands are this worker's.
                unsafe { (products.to_operands[kind])(&args) };
            }
        }
        for position in 0..positions {
            for index in 0..layer.panels {
                let b = self.weights(layer.weights, (position * layer.panels + index) * words * panel);
                for (first, rows) in tiles(0..count, products.rows()) {
                    let args = Product {
                        depth: layer.depth,
                        a: self.memory.at(operands, position * step + first * words),
                        b,
                        bias: std::ptr::null(),
                        relu: false,
                        out: self.memory.at(results, position * result_step + index * count * panel),
                        rows: plan.rows[first..first + rows].as_ptr(),
                        next: std::ptr::null(),
                        ahead: 0,
                    };
                    // SAFETY: operands and results are this worker's.
                    unsafe { products.product[rows - 1](&args) };
                }
            }
        }
        let depth = self.network.shape.growth_rate.next_multiple_of(GRANULE);
        for row in 0..count {
            let (y, x) = corner(row);
            for channel in (0..depth).step_by(panel) {
                let args = Tile {
                    pixels: self.memory.at(room.pixels, (y * room.width + x) * block.stride + place + channel),
                    right: block.stride,
                    below: room.width * block.stride,
                    depth: panel.min(depth - channel),
                    places: self.memory.at(results, (channel / panel * count + row) * panel),
                    position: result_step,
                    granule: GRANULE,
                    inside: ((room.height - y).min(room.outputs), (room.width - x).min(room.outputs)),
                };
                // SAFETY: the results are this worker's; the pixels inside are this unit's, and so are their new channels.
                unsafe { (kernels.to_pixels[kind])(&args) };
            }
        }
    }
}

/// The `index`th of `parts` parts of `0..count`, as even as can be.
fn part(count: usize, index: usize, parts: usize) -> Range<usize> {
    count * index / parts..count * (index + 1) / parts
}

/// Cuts `range` into tiles of at most `most`, as even as can be: where each begins, and how long it is.
fn tiles(range: Range<usize>, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let parts = range.len().div_ceil(most);
    (0..parts).map(move |index| {
        let tile = part(range.len(), index, parts);
        (range.start + tile.start, tile.len())
    })
}
