//! Curves of a score while pixels are exchanged, the hottest first.

use super::goal::Goal;
use super::rank::hottest_first;
use super::{Batch, FORWARD_ROWS};
use crate::Result;
use crate::model::Model;

/// One image with what stands for its pixels, and how often it is looked at.
pub(super) struct Curves<'a> {
    pub(super) batch: &'a Batch,
    pub(super) model: &'a dyn Model,
    pub(super) goal: &'a Goal<'a>,
    pub(super) image: usize,
    /// The image's values `(c, h, w)`.
    pub(super) plain: Vec<f32>,
    /// What deleted pixels become, and from what insertion starts.
    pub(super) deleted: Vec<f32>,
    pub(super) inserted: Vec<f32>,
    pub(super) steps: usize,
}

/// Areas under both curves, each in [0, 1].
pub(super) struct Areas {
    pub(super) deletion: f64,
    pub(super) insertion: f64,
}

impl Curves<'_> {
    /// The areas for pixels in falling order of `heat` `(h, w)`.
    pub(super) fn areas(&self, heat: &[f32]) -> Result<Areas> {
        let order = hottest_first(heat);
        Ok(Areas {
            deletion: self.area(&self.plain, &self.deleted, &order)?,
            insertion: self.area(&self.inserted, &self.plain, &order)?,
        })
    }

    /// The area under the score, by the trapezoidal rule, while pixels of `from` become those of `to` in `order`.
    fn area(&self, from: &[f32], to: &[f32], order: &[usize]) -> Result<f64> {
        let mut scores = Vec::with_capacity(self.steps + 1);
        let steps: Vec<usize> = (0..=self.steps).collect();
        for part in steps.chunks(FORWARD_ROWS) {
            let rows = part.iter().flat_map(|step| {
                let mut row = from.to_vec();
                for (row, to) in row.chunks_exact_mut(order.len()).zip(to.chunks_exact(order.len())) {
                    order[..order.len() * step / self.steps].iter().for_each(|&place| row[place] = to[place]);
                }
                row
            });
            let output = self.model.forward(&self.batch.of_rows(rows.collect())?)?;
            scores.extend(self.goal.scores(&output, &vec![self.image; part.len()])?);
        }
        let inner: f64 = scores.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).sum();
        Ok(inner / self.steps as f64)
    }
}
