use candle_core::Tensor;

use super::loader::{Batch, Loader};
use super::samples::Labelled;
use crate::evaluate::SampleFailure;
use crate::model::Model;
use crate::progress::Progress;
use crate::{Error, Result};

/// What flows out of the frozen stages for each of some samples, kept in memory.
#[derive(Debug)]
pub(super) struct Features {
    /// One for each sample, or why it could not be loaded.
    rows: Vec<Result<Row, SampleFailure>>,
}

#[derive(Debug)]
struct Row {
    /// Without a batch axis.
    features: Tensor,
    target: Vec<f32>,
}

impl Row {
    fn bytes(&self) -> usize {
        self.features.elem_count() * self.features.dtype().size_in_bytes()
    }
}

impl Features {
    /// Runs `still` up to `split` over all samples, if the result takes at most `memory` bytes. A sample that cannot be loaded is a failure
    /// of every batch that it is in.
    pub(super) fn compute(
        loader: &Loader<'_>,
        (still, split): (&dyn Model, &str),
        samples: &[Labelled],
        (batch_size, memory): (usize, usize),
        progress: &dyn Progress,
    ) -> Result<Option<Self>> {
        let mut rows: Vec<Result<Row, SampleFailure>> = Vec::with_capacity(samples.len());
        progress.begin(&format!("run the stages up to {split}"), samples.len());
        let whole: Vec<&Labelled> = samples.iter().collect();
        let mut chunks = whole.chunks(batch_size);
        let mut ready = chunks.next().map(|chunk| loader.batch(chunk, None));
        while let Some(batch) = ready {
            let (computed, next) =
                rayon::join(|| rows_of(still, split, batch?), || chunks.next().map(|chunk| loader.batch(chunk, None)));
            ready = next;
            let computed = computed.inspect_err(|_| progress.end())?;
            progress.advance(computed.len());
            rows.extend(computed);
            let each = rows.iter().flatten().next().map_or(0, Row::bytes);
            if each.saturating_mul(samples.len()) > memory {
                progress.end();
                return Ok(None);
            }
        }
        progress.end();
        Ok(Some(Self { rows }))
    }

    /// The memory that the features take.
    pub(super) fn bytes(&self) -> usize {
        self.rows.iter().flatten().map(Row::bytes).sum()
    }

    /// The kept rows of the samples at `places` as a batch.
    pub(super) fn batch(&self, places: &[usize]) -> Result<Batch> {
        let mut batch = Batch { inputs: None, targets: Vec::new(), places: Vec::new(), failures: Vec::new() };
        let mut features = Vec::with_capacity(places.len());
        for (at, row) in places.iter().map(|&place| &self.rows[place]).enumerate() {
            match row {
                Ok(row) => {
                    features.push(&row.features);
                    batch.targets.extend(&row.target);
                    batch.places.push(at);
                }
                Err(failure) => batch.failures.push(failure.clone()),
            }
        }
        if !features.is_empty() {
            batch.inputs = Some(Tensor::stack(&features, 0).map_err(Error::tensor("stacking features"))?);
        }
        Ok(batch)
    }
}

fn rows_of(still: &dyn Model, split: &str, batch: Batch) -> Result<Vec<Result<Row, SampleFailure>>> {
    let mut rows = Vec::with_capacity(batch.places.len() + batch.failures.len());
    let mut failures = batch.failures.into_iter();
    if let Some(inputs) = &batch.inputs {
        let features = still.forward_to(split, inputs)?.detach();
        let classes = batch.targets.len() / batch.places.len();
        for (row, (&place, target)) in batch.places.iter().zip(batch.targets.chunks(classes)).enumerate() {
            rows.extend(failures.by_ref().take(place - rows.len()).map(Err));
            // A copy, so that one sample does not keep its whole batch in memory.
            let own = Tensor::new(&[row as u32], features.device())
                .and_then(|row| features.index_select(&row, 0)?.squeeze(0));
            rows.push(Ok(Row { features: own.map_err(Error::tensor(split))?, target: target.to_vec() }));
        }
    }
    rows.extend(failures.map(Err));
    Ok(rows)
}
