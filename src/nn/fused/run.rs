//! Batches through the network: images side by side, threads inside an image where there are fewer.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rayon::prelude::*;

use super::Level;
use super::kernel::Average;
use super::network::Network;
use super::pass::{Pass, Shared};
use super::plan::{Entry, Plan};
use super::team::Team;

/// A batch `[images][channels][height][width]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Maps<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) images: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
}

impl Maps<'_> {
    /// With threads for twice as many images as there are, so that those who have finished theirs help with the last ones.
    fn entry(&self, stage: usize) -> Entry {
        let all = rayon::current_num_threads();
        let threads = (2 * all).div_ceil(self.images).min(all);
        Entry { stage, height: self.height, width: self.width, threads }
    }

    fn image(&self, index: usize) -> &[f32] {
        let len = self.values.len() / self.images;
        &self.values[index * len..(index + 1) * len]
    }
}

/// What flows out of a stage: a block's first `channels` channels, and whether the last normalisation follows.
struct Flow {
    block: usize,
    channels: usize,
    normalised: bool,
}

impl Network {
    /// Logits `[images][classes]` and latents `[images][latent]` of images.
    ///
    /// The same bits for any number of threads and any batch.
    ///
    /// # Errors
    ///
    /// If a map of this size is too large or too small for the network, or there is no memory for it.
    pub(crate) fn forward(&self, xs: Maps<'_>) -> io::Result<(Vec<f32>, Vec<f32>)> {
        self.forward_from(xs, 0)
    }

    /// The same from what enters stage `stage`; after the last one, from what left it.
    ///
    /// # Errors
    ///
    /// As [`Network::forward`].
    pub(crate) fn forward_from(&self, xs: Maps<'_>, stage: usize) -> io::Result<(Vec<f32>, Vec<f32>)> {
        let one = |index| {
            let mut plan = self.plan(xs.entry(stage))?;
            plan.reaches(self.blocks.len() - 1)?;
            if stage > 0 {
                self.enter(&mut plan, xs.image(index), &self.flow(stage));
            }
            self.steps(&mut plan, xs.image(index), stage..self.shape.stages());
            let out = self.top(&mut plan, stage == self.shape.stages());
            self.put_back(plan);
            Ok(out)
        };
        let outputs = (0..xs.images).into_par_iter().map(one).collect::<io::Result<Vec<_>>>()?;
        let (logits, latents): (Vec<_>, Vec<_>) = outputs.into_iter().unzip();
        Ok((logits.concat(), latents.concat()))
    }

    /// Channels that enter stage `stage`.
    pub(crate) fn channels_into(&self, stage: usize) -> usize {
        if stage == 0 { self.shape.channels } else { self.flow(stage).channels }
    }

    /// What flows out of the last of `stages` when `xs` enters the first: `[images][channels][height][width]`, and its
    /// last three sizes.
    ///
    /// # Errors
    ///
    /// As [`Network::forward`].
    pub(crate) fn run(&self, xs: Maps<'_>, stages: Range<usize>) -> io::Result<(Vec<f32>, [usize; 3])> {
        let flow = self.flow(stages.end);
        let one = |index| {
            let mut plan = self.plan(xs.entry(stages.start))?;
            plan.reaches(flow.block)?;
            if stages.start > 0 {
                self.enter(&mut plan, xs.image(index), &self.flow(stages.start));
            }
            self.steps(&mut plan, xs.image(index), stages.clone());
            let out = self.leave(&plan, &flow);
            let room = &plan.rooms[flow.block];
            let sizes = [flow.channels, room.height, room.width];
            self.put_back(plan);
            Ok((out, sizes))
        };
        let outputs = (0..xs.images).into_par_iter().map(one).collect::<io::Result<Vec<_>>>()?;
        let sizes = outputs.first().map_or([0; 3], |(_, sizes)| *sizes);
        Ok((outputs.into_iter().map(|(out, _)| out).collect::<Vec<_>>().concat(), sizes))
    }

    /// The time of each step of one image's pass, with the step's kind and block: what a benchmark of layers shows.
    ///
    /// # Errors
    ///
    /// As [`Network::forward`].
    pub(crate) fn profile(&self, xs: Maps<'_>) -> io::Result<Vec<(&'static str, usize, Duration)>> {
        let alone = Maps { values: xs.image(0), images: 1, ..xs };
        let mut plan = self.plan(alone.entry(0))?;
        plan.reaches(self.blocks.len() - 1)?;
        let pass = Pass::new(self, &mut plan, alone.values);
        let Plan { steps, units, entry, .. } = pass.plan();
        // When each step's last unit ended, in nanoseconds.
        let ends: Vec<AtomicU64> = steps.iter().map(|_| AtomicU64::new(0)).collect();
        let start = Instant::now();
        let work = |step: usize, unit, worker| {
            // SAFETY: `Team` runs each unit of each step once, steps in order, and gives no two threads the same worker.
            unsafe { pass.unit(step, unit, worker) };
            ends[step].fetch_max(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        };
        Team::run(units, entry.threads, &work);
        let mut before = 0;
        let mut times = Vec::with_capacity(steps.len());
        for (step, end) in steps.iter().zip(&ends) {
            let (kind, block) = step.kind();
            let end = end.load(Ordering::Relaxed);
            times.push((kind, block, Duration::from_nanos(end.saturating_sub(before))));
            before = end;
        }
        self.put_back(plan);
        Ok(times)
    }

    fn steps(&self, plan: &mut Plan, image: &[f32], stages: Range<usize>) {
        let pass = Pass::new(self, plan, image);
        let plan = pass.plan();
        let steps = plan.steps_of(stages);
        let first = steps.start;
        let work = |step: usize, unit: usize, worker: usize| {
            // SAFETY: `Team` runs each unit of each step once, steps in order, and gives no two threads the same worker.
            unsafe { pass.unit(first + step, unit, worker) };
        };
        Team::run(&plan.units[steps], plan.entry.threads, &work);
    }

    /// What flows into stage `stage`, which is not the first.
    fn flow(&self, stage: usize) -> Flow {
        let before = stage.saturating_sub(1);
        let whole =
            |block: usize, normalised| Flow { block, channels: self.blocks[block].channels.places.len(), normalised };
        if before % 2 == 1 {
            whole(before / 2, false)
        } else if before / 2 == self.blocks.len() {
            whole(before / 2 - 1, true)
        } else {
            Flow { block: before / 2, channels: self.blocks[before / 2].entering, normalised: false }
        }
    }

    /// Puts a feature map where the first step looks for it.
    fn enter(&self, plan: &mut Plan, features: &[f32], flow: &Flow) {
        let (block, room) = (&self.blocks[flow.block], &plan.rooms[flow.block]);
        let count = room.height * room.width;
        let pixels = plan.memory.slot_mut(room.pixels);
        // What an earlier image left between the channels must not be taken for values.
        pixels.fill(0.0);
        for (&place, values) in block.channels.places.iter().zip(features.chunks_exact(count)) {
            pixels[place..].iter_mut().step_by(block.stride).zip(values).for_each(|(to, from)| *to = *from);
        }
    }

    /// Takes a feature map out, channels first.
    fn leave(&self, plan: &Plan, flow: &Flow) -> Vec<f32> {
        let (block, room) = (&self.blocks[flow.block], &plan.rooms[flow.block]);
        let pixels = plan.memory.slot(room.pixels);
        let (scale, shift) = (self.weights.slot(self.norm5.scale), self.weights.slot(self.norm5.shift));
        let mut out = Vec::with_capacity(flow.channels * room.height * room.width);
        for &place in &block.channels.places[..flow.channels] {
            let values = pixels[place..].iter().step_by(block.stride);
            if flow.normalised && self.level() != Level::Portable {
                out.extend(values.map(|value| value.mul_add(scale[place], shift[place])));
            } else if flow.normalised {
                out.extend(values.map(|value| value * scale[place] + shift[place]));
            } else {
                out.extend(values);
            }
        }
        out
    }

    /// Logits and latent of the last block's output, which may have been normalised already.
    fn top(&self, plan: &mut Plan, normalised: bool) -> (Vec<f32>, Vec<f32>) {
        let last = self.blocks.len() - 1;
        let (block, memory) = (&self.blocks[last], Shared::of(plan));
        let room = &plan.rooms[last];
        let (ones, zeros);
        let (scale, shift) = if normalised {
            (ones, zeros) = (vec![1.0; block.channels.depth()], vec![0.0; block.channels.depth()]);
            (&ones[..], &zeros[..])
        } else {
            (self.weights.slot(self.norm5.scale), self.weights.slot(self.norm5.shift))
        };
        let args = Average {
            depth: block.channels.depth(),
            pixels: memory.at(room.pixels, 0),
            count: room.height * room.width,
            stride: block.stride,
            scale: scale.as_ptr(),
            shift: shift.as_ptr(),
            out: memory.at(plan.latent, 0),
        };
        // SAFETY: the block's pixels and the latent's places are as the plan made them, and this is the only thread.
        unsafe { (self.kernels.average)(&args) };
        let latent = plan.memory.slot(plan.latent);
        let latent: Vec<f32> = block.channels.places.iter().map(|&place| latent[place]).collect();
        let (weights, bias) = (self.weights.slot(self.classifier.0), self.weights.slot(self.classifier.1));
        let rows = weights.chunks_exact(latent.len()).zip(bias);
        (rows.map(|(row, bias)| bias + dot(row, &latent)).collect(), latent)
    }
}

/// A sum of products in eight strands.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut strands = [0.0_f32; 8];
    for (a, b) in a.chunks(8).zip(b.chunks(8)) {
        for ((strand, a), b) in strands.iter_mut().zip(a).zip(b) {
            *strand += a * b;
        }
    }
    strands.iter().sum()
}
