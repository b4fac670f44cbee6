use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::samples::Labelled;
use super::trainee::on_cpu;
use super::{History, TrainOptions, Trainee};
use crate::imaging::ImageSpec;
use crate::model::{Checkpoint, write_safetensors};
use crate::{Error, Result};

/// The metadata key of [`State`] in a checkpoint.
const STATE: &str = "leap_binder_training";

/// Where a run stands, but for its tensors.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct State {
    /// Digest of what the run is of; see [`identity`].
    pub(super) identity: String,
    /// The epoch that is going on, counted from 0.
    pub(super) epoch: usize,
    /// Steps done in it.
    pub(super) step: usize,
    /// Steps done in all.
    pub(super) steps: usize,
    /// Sums over the epoch so far.
    pub(super) sums: Sums,
    pub(super) history: History,
    /// The best score so far, turned so that more is better.
    pub(super) best: Option<f64>,
    /// Epochs since then.
    pub(super) waiting: usize,
    pub(super) stopped: bool,
}

/// Sums over an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Sums {
    pub(super) loss: f64,
    pub(super) samples: usize,
    pub(super) norm: f64,
    pub(super) failures: usize,
    pub(super) seconds: f64,
}

/// What decides every number of a run on one machine, as a SHA-256: options, model, the values that it begins with, how its input is
/// prepared, samples with their classes.
pub(super) fn identity(
    options: &TrainOptions,
    trainee: &Trainee,
    given: &ImageSpec,
    (training, validation): (&[Labelled], &[Labelled]),
) -> Result<String> {
    // What changes no number is left out.
    let options = TrainOptions { checkpoint_steps: None, feature_memory: 0, ..options.clone() };
    let options = serde_json::to_string(&options);
    let options = options.map_err(|error| Error::argument("train", "options that JSON can hold", error.to_string()))?;
    let model = trainee.model();
    let model = format!("{} {:?} {} {given}", model.name(), model.classes(), model.input());
    let mut begun = Sha256::new();
    for (name, value) in trainee.values()? {
        begun.update(name);
        let numbers = value.flatten_all().and_then(|value| value.to_dtype(DType::F32)?.to_vec1::<f32>());
        numbers.map_err(Error::tensor("reading the variables"))?.iter().for_each(|x| begun.update(x.to_le_bytes()));
    }
    Ok(digest([options, model, hexadecimal(begun), manifest(training), manifest(validation)]))
}

/// A digest of samples and their classes, in order.
pub(super) fn manifest(samples: &[Labelled]) -> String {
    digest(samples.iter().map(|sample| format!("{} {} {}", sample.state, sample.id, sample.label)))
}

/// SHA-256 of texts, each with its length before it.
fn digest(texts: impl IntoIterator<Item = String>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hexadecimal(hash)
}

fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The files of a run.
#[derive(Debug, Clone)]
pub(super) struct Files {
    folder: PathBuf,
}

impl Files {
    /// Makes the folder if need be.
    pub(super) fn new(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(|source| Error::io("create", folder, source))?;
        Ok(Self { folder: folder.to_path_buf() })
    }

    /// The files of an earlier run that are there.
    pub(super) fn existing(&self) -> Vec<PathBuf> {
        self.all().into_iter().filter(|path| path.exists()).collect()
    }

    /// Removes what a killed run had not finished writing.
    pub(super) fn tidy(&self) -> Result<()> {
        let entries = std::fs::read_dir(&self.folder).map_err(|source| Error::io("list", &self.folder, source))?;
        let own = self.all().map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.ends_with(".part") && own.iter().any(|own| name.starts_with(&format!("{own}."))) {
                std::fs::remove_file(&path).map_err(|source| Error::io("remove", &path, source))?;
            }
        }
        Ok(())
    }

    fn all(&self) -> [PathBuf; 4] {
        [self.checkpoint(), self.best(), self.log(), self.curve()]
    }

    pub(super) fn checkpoint(&self) -> PathBuf {
        self.folder.join("checkpoint.safetensors")
    }

    pub(super) fn best(&self) -> PathBuf {
        self.folder.join("best.safetensors")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("log.jsonl")
    }

    pub(super) fn curve(&self) -> PathBuf {
        self.folder.join("curve.svg")
    }

    /// Writes a checkpoint in the place of the last one, whole or not at all.
    pub(super) fn save(&self, state: &State, tensors: BTreeMap<String, Tensor>) -> Result<()> {
        let json = serde_json::to_string(state);
        let json = json.map_err(|error| Error::argument("train", "a state that JSON can hold", error.to_string()))?;
        write_safetensors(&self.checkpoint(), BTreeMap::from([(STATE.to_owned(), json)]), &on_cpu(tensors)?)
    }

    /// Reads the checkpoint, if there is one, and refuses that of another run.
    pub(super) fn load(&self, identity: &str) -> Result<Option<(State, Checkpoint)>> {
        let path = self.checkpoint();
        if !path.exists() {
            return Ok(None);
        }
        let file = Checkpoint::open(&path)?;
        let wrong = |found: String, source: Option<crate::BoxError>| Error::Weights {
            path: path.clone(),
            expected: "a checkpoint of a training".to_owned(),
            found,
            source,
        };
        let json = file.metadata().get(STATE).ok_or_else(|| wrong("a file without its state".to_owned(), None))?;
        let state: State = serde_json::from_str(json).map_err(|error| wrong(error.to_string(), Some(error.into())))?;
        if state.identity != identity {
            return Err(Error::Mismatch {
                subject: "checkpoint and run".to_owned(),
                left: format!("{} is of the run {}", path.display(), &state.identity.get(..12).unwrap_or_default()),
                right: format!(
                    "these options, model and samples are the run {}; begin anew in another folder",
                    &identity.get(..12).unwrap_or_default()
                ),
            });
        }
        Ok(Some((state, file)))
    }
}
