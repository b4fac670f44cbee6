use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Monitor, Scores};
use crate::model::replace;
use crate::{Error, Result};

/// What one epoch came to: a line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Counted from 1.
    pub epoch: usize,
    /// Steps of the optimiser since the beginning.
    pub steps: usize,
    /// Stages that stood still.
    pub frozen_stages: usize,
    /// The head's rate at the last step.
    pub learning_rate: f64,
    /// The mean of the criterion over the epoch's samples, each as it was when its batch was learned from.
    pub train_loss: f64,
    /// The mean norm of the gradients before clipping.
    pub gradient_norm: f64,
    /// How good the model (or its average) was on the validation samples; none where there are none.
    pub validation: Option<Scores>,
    /// Whether it was the best so far.
    pub best: bool,
    /// Samples that could not be loaded in this epoch.
    pub failures: usize,
    /// The time that the epoch took, its validation included, in seconds. The only number that differs between equal runs.
    pub seconds: f64,
}

/// The epochs of a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct History {
    /// In order.
    pub epochs: Vec<Epoch>,
}

impl History {
    /// The best epoch, if one was judged.
    pub fn best(&self) -> Option<&Epoch> {
        self.epochs.iter().rev().find(|epoch| epoch.best)
    }

    /// Writes one JSON object for each epoch to `path`, whole or not at all.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn write_log(&self, path: &Path) -> Result<()> {
        replace(path, |file| {
            for epoch in &self.epochs {
                serde_json::to_writer(&mut *file, epoch)?;
                std::io::Write::write_all(file, b"\n")?;
            }
            Ok(())
        })
    }

    /// Reads a log back.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if it cannot be read; [`Error::Argument`] naming the line that is none of a log.
    pub fn read_log(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::io("read", path, source))?;
        let parse = |(line, text)| {
            let wrong = |error: serde_json::Error| {
                Error::argument("History::read_log", "an epoch in JSON", format!("{error} in line {}", line + 1))
            };
            serde_json::from_str(text).map_err(wrong)
        };
        Ok(Self { epochs: text.lines().enumerate().map(parse).collect::<Result<_>>()? })
    }

    /// Draws training loss, validation log loss and the monitored score over the epochs as an SVG picture at `path`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`].
    pub fn write_curve(&self, path: &Path, monitor: Monitor) -> Result<()> {
        let picture = super::curve::picture(self, monitor);
        replace(path, |file| std::io::Write::write_all(file, picture.as_bytes()))
    }
}
