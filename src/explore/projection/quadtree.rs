//! A quadtree over points of the plane, and the repulsion that t-SNE computes with it.

use rayon::prelude::*;

/// Points that a cell holds before it is split.
const LEAF: usize = 8;

/// Bits of a Morton code for each axis, and so the tree's greatest depth.
const BITS: u32 = 16;

/// Points that one task takes.
const GRAIN: usize = 256;

/// A cell, in the order in which a depth-first walk meets it.
#[derive(Debug, Clone, Copy)]
struct Cell {
    centre: [f64; 2],
    mass: f64,
    width_squared: f64,
    /// The cell that the walk meets next when it does not go into this one.
    next: usize,
    /// The points, when it is not split.
    points: Option<(usize, usize)>,
}

/// Points of the plane, sorted along a Z-shaped curve, and the cells over them.
#[derive(Debug)]
pub(super) struct Quadtree {
    order: Vec<usize>,
    points: Vec<[f64; 2]>,
    cells: Vec<Cell>,
}

/// For each point the sums of `q` over the others, and of `q^2 (y_i - y_j)`, with `q = 1 / (1 + |y_i - y_j|^2)`.
pub(super) struct Repulsion {
    /// The sum of `q` over all ordered pairs.
    pub(super) normaliser: f64,
    /// The second sums, by the points' places.
    pub(super) forces: Vec<[f64; 2]>,
}

impl Quadtree {
    /// Sorts the points and builds the cells; equal points keep the order of their places.
    pub(super) fn new(points: &[[f64; 2]]) -> Self {
        let axis = |axis: usize| {
            let values = || points.iter().map(move |point| point[axis]);
            (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max))
        };
        let (x, y) = (axis(0), axis(1));
        let width = (x.1 - x.0).max(y.1 - y.0).max(f64::MIN_POSITIVE);
        let scale = f64::from((1u32 << BITS) - 1) / width;
        let code = |point: &[f64; 2]| {
            let cell = |value: f64, low: f64| ((value - low) * scale) as u32;
            spread(cell(point[0], x.0)) | spread(cell(point[1], y.0)) << 1
        };
        let mut coded: Vec<(u32, usize)> = points.par_iter().map(code).zip(0..points.len()).collect();
        coded.par_sort_unstable();
        let order: Vec<usize> = coded.iter().map(|&(_, place)| place).collect();
        let sorted: Vec<[f64; 2]> = order.iter().map(|&place| points[place]).collect();
        let codes: Vec<u32> = coded.into_iter().map(|(code, _)| code).collect();
        let mut tree = Self { order, points: sorted, cells: Vec::new() };
        if !codes.is_empty() {
            tree.grow(&codes, 0, codes.len(), BITS, width);
        }
        tree
    }

    /// Adds the cell over the points from `start` to `end`, which differ in the lowest `bits` bits of each axis at most.
    fn grow(&mut self, codes: &[u32], start: usize, end: usize, bits: u32, width: f64) -> ([f64; 2], f64) {
        let place = self.cells.len();
        let leaf = end - start <= LEAF || bits == 0;
        let cell = Cell { centre: [0.0; 2], mass: 0.0, width_squared: width * width, next: 0, points: None };
        self.cells.push(cell);
        let (mut sum, mut mass) = ([0.0; 2], 0.0);
        if leaf {
            for point in &self.points[start..end] {
                sum = [sum[0] + point[0], sum[1] + point[1]];
            }
            mass = (end - start) as f64;
        } else {
            let shift = 2 * (bits - 1);
            let mut from = start;
            while from < end {
                let quarter = codes[from] >> shift;
                let until = from + codes[from..end].partition_point(|code| code >> shift == quarter);
                let (part, count) = self.grow(codes, from, until, bits - 1, width / 2.0);
                sum = [sum[0] + part[0], sum[1] + part[1]];
                mass += count;
                from = until;
            }
        }
        let next = self.cells.len();
        let cell = &mut self.cells[place];
        (cell.centre, cell.mass, cell.next) = ([sum[0] / mass, sum[1] / mass], mass, next);
        cell.points = leaf.then_some((start, end));
        (sum, mass)
    }

    /// The repulsion, where a cell whose width is below `theta` times its distance counts as one heavy point (Barnes and Hut,
    /// Nature 1986; van der Maaten, JMLR 2014); exact for `theta` 0.
    pub(super) fn repulsion(&self, theta: f64) -> Repulsion {
        let limit = theta * theta;
        let sorted: Vec<(f64, [f64; 2])> =
            (0..self.points.len()).into_par_iter().with_min_len(GRAIN).map(|place| self.around(place, limit)).collect();
        let mut forces = vec![[0.0; 2]; sorted.len()];
        let mut normaliser = 0.0;
        for (&place, (sum, force)) in self.order.iter().zip(sorted) {
            forces[place] = force;
            normaliser += sum;
        }
        Repulsion { normaliser, forces }
    }

    fn around(&self, place: usize, limit: f64) -> (f64, [f64; 2]) {
        let [x, y] = self.points[place];
        let (mut sum, mut force) = (0.0, [0.0; 2]);
        let mut at = 0;
        while let Some(cell) = self.cells.get(at) {
            let (dx, dy) = (x - cell.centre[0], y - cell.centre[1]);
            let square = dx * dx + dy * dy;
            if cell.width_squared < limit * square {
                let q = 1.0 / (1.0 + square);
                let heavy = cell.mass * q;
                sum += heavy;
                force = [force[0] + heavy * q * dx, force[1] + heavy * q * dy];
                at = cell.next;
            } else if let Some((start, end)) = cell.points {
                for (other, point) in self.points[start..end].iter().enumerate() {
                    if start + other != place {
                        let (dx, dy) = (x - point[0], y - point[1]);
                        let q = 1.0 / (1.0 + dx * dx + dy * dy);
                        sum += q;
                        force = [force[0] + q * q * dx, force[1] + q * q * dy];
                    }
                }
                at = cell.next;
            } else {
                at += 1;
            }
        }
        (sum, force)
    }
}

/// Puts a zero between the bits of a 16-bit number.
const fn spread(value: u32) -> u32 {
    let value = (value | value << 8) & 0x00ff_00ff;
    let value = (value | value << 4) & 0x0f0f_0f0f;
    let value = (value | value << 2) & 0x3333_3333;
    (value | value << 1) & 0x5555_5555
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SplitMix64;

    fn points(count: usize) -> Vec<[f64; 2]> {
        let mut rng = SplitMix64::new(5);
        let mut draw = || (rng.next_u64() >> 40) as f64 / 1e4;
        (0..count).map(|place| if place % 10 == 0 { [1.0, 2.0] } else { [draw(), draw()] }).collect()
    }

    fn direct(points: &[[f64; 2]]) -> (f64, Vec<[f64; 2]>) {
        let (mut total, mut forces) = (0.0, vec![[0.0; 2]; points.len()]);
        for (i, a) in points.iter().enumerate() {
            for (j, b) in points.iter().enumerate() {
                if i != j {
                    let (dx, dy) = (a[0] - b[0], a[1] - b[1]);
                    let q = 1.0 / (1.0 + dx * dx + dy * dy);
                    total += q;
                    forces[i] = [forces[i][0] + q * q * dx, forces[i][1] + q * q * dy];
                }
            }
        }
        (total, forces)
    }

    #[test]
    fn no_angle_means_no_error() {
        for count in [0, 1, 2, 9, 300] {
            let points = points(count);
            let (total, forces) = direct(&points);
            let found = Quadtree::new(&points).repulsion(0.0);
            assert!((found.normaliser - total).abs() <= 1e-12 * total.max(1.0), "{count}");
            for (found, force) in found.forces.iter().zip(&forces) {
                assert!((found[0] - force[0]).abs() + (found[1] - force[1]).abs() < 1e-12, "{count}");
            }
        }
    }

    #[test]
    fn half_an_angle_means_a_small_error() {
        let points: Vec<[f64; 2]> = points(2_000).iter().map(|point| [point[0] / 50.0, point[1] / 50.0]).collect();
        let (total, forces) = direct(&points);
        let found = Quadtree::new(&points).repulsion(0.5);
        assert!((found.normaliser / total - 1.0).abs() < 0.01, "{} for {total}", found.normaliser);
        let size =
            |forces: &[[f64; 2]]| forces.iter().map(|force| force[0].powi(2) + force[1].powi(2)).sum::<f64>().sqrt();
        let off: Vec<[f64; 2]> = found.forces.iter().zip(&forces).map(|(a, b)| [a[0] - b[0], a[1] - b[1]]).collect();
        assert!(size(&off) < 0.03 * size(&forces), "{} of {}", size(&off), size(&forces));
        assert!(size(&off) > 0.0);
    }
}
