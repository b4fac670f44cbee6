use std::sync::Arc;

use super::Augmentation;
use super::features::Features;
use super::run::Run;
use super::samples::Labelled;
use crate::Result;
use crate::model::Model;

/// What stands before the stages that learn.
#[derive(Debug, Default)]
pub(super) struct Stem {
    /// How many stages stand still; none before the first epoch.
    pub(super) frozen: Option<usize>,
    /// The model and the last of its stages that stand still.
    pub(super) still: Option<(Arc<dyn Model>, String)>,
    /// What flows out of them, where it is kept.
    pub(super) training: Option<Features>,
    pub(super) validation: Option<Features>,
}

impl Run<'_> {
    /// Makes the frozen stages ready, and keeps what flows out of them where it is the same in every epoch.
    pub(super) fn prepare_stem(&mut self, frozen: usize) -> Result<()> {
        if self.stem.frozen == Some(frozen) {
            return Ok(());
        }
        self.stem = Stem { frozen: Some(frozen), ..Stem::default() };
        let Some(split) = frozen.checked_sub(1).and_then(|last| self.trainee.model().split_points().get(last)) else {
            return Ok(());
        };
        let (still, split) = (self.trainee.scorer()?, split.clone());
        let memory = self.options.feature_memory;
        let compute = |samples: &[Labelled], memory: usize| {
            let size = (self.options.batch_size, memory);
            let of = (&*still, split.as_str());
            Features::compute(self.loader, of, samples, size, self.progress)
        };
        let validation = compute(self.validation, memory)?;
        let left = memory.saturating_sub(validation.as_ref().map_or(0, Features::bytes));
        let training =
            if self.options.augmentation == Augmentation::NONE { compute(self.training, left)? } else { None };
        self.stem = Stem { frozen: Some(frozen), still: Some((still, split)), training, validation };
        Ok(())
    }
}
