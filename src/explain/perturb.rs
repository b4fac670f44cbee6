//! Curves of a score while pixels are exchanged, the hottest first.

use super::goal::Goal;
use super::rank::hottest_first;
use super::{Batch, FORWARD_ROWS};
use crate::Result;
use crate::model::Model;

/// One image with what stands for its pixels.
pub(super) struct Curves<'a> {
    batch: &'a Batch,
    model: &'a dyn Model,
    goal: &'a Goal<'a>,
    image: usize,
    plain: End,
    deleted: End,
    inserted: End,
    steps: usize,
}

/// An image `(c, h, w)` where curves begin or end, whatever the order of the pixels, with its score.
struct End {
    values: Vec<f32>,
    score: f64,
}

/// Areas under both curves, each in [0, 1].
pub(super) struct Areas {
    pub(super) deletion: f64,
    pub(super) insertion: f64,
}

impl<'a> Curves<'a> {
    /// Curves of `steps` steps for an image of the batch. Deleted pixels become those of `deleted`, and insertion starts from
    /// `inserted`.
    pub(super) fn new(
        batch: &'a Batch,
        model: &'a dyn Model,
        goal: &'a Goal<'a>,
        image: usize,
        (deleted, inserted): (Vec<f32>, Vec<f32>),
        steps: usize,
    ) -> Result<Self> {
        let plain = batch.values(image)?;
        let output = model.forward(&batch.of_rows([&*plain, &*deleted, &*inserted].concat())?)?;
        let scores = goal.scores(&output, &[image; 3])?;
        let end = |values, place: usize| End { values, score: scores[place] };
        let (plain, deleted, inserted) = (end(plain, 0), end(deleted, 1), end(inserted, 2));
        Ok(Self { batch, model, goal, image, plain, deleted, inserted, steps })
    }

    /// The areas for pixels in falling order of `heat` `(h, w)`.
    pub(super) fn areas(&self, heat: &[f32]) -> Result<Areas> {
        let order = hottest_first(heat);
        Ok(Areas {
            deletion: self.area(&self.plain, &self.deleted, &order)?,
            insertion: self.area(&self.inserted, &self.plain, &order)?,
        })
    }

    /// The area under the score, by the trapezoidal rule, while pixels of `from` become those of `to` in `order`.
    fn area(&self, from: &End, to: &End, order: &[usize]) -> Result<f64> {
        let mut scores = vec![from.score];
        let steps: Vec<usize> = (1..self.steps).collect();
        for part in steps.chunks(FORWARD_ROWS) {
            let rows = part.iter().flat_map(|step| {
                let mut row = from.values.clone();
                for (row, to) in row.chunks_exact_mut(order.len()).zip(to.values.chunks_exact(order.len())) {
                    order[..order.len() * step / self.steps].iter().for_each(|&place| row[place] = to[place]);
                }
                row
            });
            let output = self.model.forward(&self.batch.of_rows(rows.collect())?)?;
            scores.extend(self.goal.scores(&output, &vec![self.image; part.len()])?);
        }
        scores.push(to.score);
        let inner: f64 = scores.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).sum();
        Ok(inner / self.steps as f64)
    }
}
