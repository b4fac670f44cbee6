//! The numbers of one network: from a file, from a file but for the head, or drawn anew.

mod card;
mod fresh;
mod names;
mod save;
mod source;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Var};
use candle_nn::{VarBuilder, VarMap};

pub use card::Card;
pub use save::save;
use source::{Problems, Source};

use super::device::check_dtype;
use super::{Architecture, Checkpoint, Network};
use crate::imaging::ImageSpec;
use crate::{BoxError, Error, Result};

/// The weights of a network, held against what the network needs; the numbers are read when it is built.
///
/// ```no_run
/// use leap_binder::model::{Architecture, Card, Checkpoint, Classifier, Weights, device};
///
/// // A file that this crate wrote says itself what it is.
/// let trained = Weights::open("mine.safetensors")?;
/// // torchvision's file of ImageNet becomes the start of a network for three classes.
/// let checkpoint = Checkpoint::open("densenet201-c1103571.pth")?;
/// let card = Card::new(Architecture::DenseNet201, ["NORMAL", "bacteria", "virus"]);
/// let start = Weights::load_backbone(checkpoint, card, 7)?;
/// let classifier = Classifier::new(&start, &device("cpu")?)?;
/// # Ok::<(), leap_binder::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Weights {
    card: Card,
    source: Arc<Source>,
}

impl Weights {
    /// Opens a file that says itself what it is (see [`Card`]), as this crate writes them: safetensors, in one file or in
    /// shards.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::open`] and [`Weights::new`]; [`Error::Weights`] if the metadata lacks a key.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::described(Checkpoint::open(path)?)
    }

    /// The same from memory. `path` is what errors call it.
    ///
    /// # Errors
    ///
    /// As [`Weights::open`].
    pub fn from_bytes(bytes: Vec<u8>, path: impl AsRef<Path>) -> Result<Self> {
        Self::described(Checkpoint::from_bytes(bytes, path)?)
    }

    /// The present values of `variables` as the weights of the network that `card` describes.
    ///
    /// # Errors
    ///
    /// [`Error::Weights`] as for [`save`].
    pub fn of(variables: &VarMap, card: &Card) -> Result<Self> {
        let path = Path::new("<variables>");
        Self::from_bytes(save::to_bytes(path, variables, card)?, path)
    }

    fn described(checkpoint: Checkpoint) -> Result<Self> {
        let card = Card::read(checkpoint.path(), checkpoint.metadata())?;
        Self::new(checkpoint, card)
    }

    /// Takes all of a network's tensors from `checkpoint`. Older and other names that are known for the architecture are
    /// understood (torchvision's DenseNets of 2017).
    ///
    /// # Errors
    ///
    /// [`Error::Weights`] that lists all tensors that are missing, of another shape or no floats, and all that the network does
    /// not have; or if the card's classes repeat or its input is too small for the network.
    pub fn new(checkpoint: Checkpoint, card: Card) -> Result<Self> {
        Self::checked(Some(checkpoint), card, None)
    }

    /// Takes all but the classification head from `checkpoint`, whatever head it has, and draws a new head for the card's
    /// classes from `seed`. Left-over tensors under the usual names of heads (`fc`, `head`, `heads`, `classifier`, `linear`) are
    /// passed over.
    ///
    /// A stem for colours does not become one for grey: give grey images three times ([`Colours::GreyReplicated`](crate::imaging::Colours)).
    ///
    /// # Errors
    ///
    /// As [`Weights::new`], but for the head.
    pub fn load_backbone(checkpoint: Checkpoint, card: Card, seed: u64) -> Result<Self> {
        Self::checked(Some(checkpoint), card, Some(seed))
    }

    /// Draws everything from `seed`, as candle's layers start: for training from nothing, and for tests.
    ///
    /// # Errors
    ///
    /// [`Error::Weights`] if the card's classes repeat or its input is too small for the network.
    pub fn random(card: Card, seed: u64) -> Result<Self> {
        Self::checked(None, card, Some(seed))
    }

    fn checked(checkpoint: Option<Checkpoint>, card: Card, seed: Option<u64>) -> Result<Self> {
        let path = checkpoint.as_ref().map_or_else(|| PathBuf::from("<random>"), |file| file.path().to_owned());
        card.check(&path)?;
        let expected = card.architecture.requests(card.input.channels(), card.classes.len())?;
        let source = Source::new(checkpoint, card.architecture, &expected, seed);
        let source = source.map_err(|problems| {
            let classes = format!("{} classes ({})", card.classes.len(), card.classes.join(", "));
            let expected = format!("{} with {} channels and {classes}", card.architecture, card.input.channels());
            wrong(&path, expected, problems.join("; "), None)
        })?;
        Ok(Self { card, source: Arc::new(source) })
    }

    /// The file, or `<random>`.
    pub fn path(&self) -> &Path {
        self.source.path()
    }

    /// What the weights are.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The network.
    pub fn architecture(&self) -> Architecture {
        self.card.architecture
    }

    /// The classes in the order of the logits. At least one, all different.
    pub fn classes(&self) -> &[String] {
        &self.card.classes
    }

    /// How the images of the training were prepared.
    pub fn input(&self) -> &ImageSpec {
        &self.card.input
    }

    /// What else the metadata says, for example `data`: where the training images came from and under which licence.
    pub fn provenance(&self) -> &BTreeMap<String, String> {
        &self.card.provenance
    }

    /// Reads the numbers and builds the network of them, for evaluation in the type `dtype`.
    ///
    /// # Errors
    ///
    /// [`Error::Weights`] that lists all tensors with values that are not finite and all running variances below zero,
    /// [`Error::Device`] for a type that the device does not compute in, [`Error::Tensor`] if the device fails.
    pub fn network(&self, device: &Device, dtype: DType) -> Result<Box<dyn Network>> {
        check_dtype(device, dtype)?;
        self.read(device, dtype, |vb| {
            self.card.architecture.build(self.card.input.channels(), self.card.classes.len(), vb)
        })
    }

    /// Hands the tensors to `build`, and refuses what it built if a value among them will not do.
    pub(super) fn read<T>(
        &self,
        device: &Device,
        dtype: DType,
        build: impl FnOnce(VarBuilder) -> Result<T>,
    ) -> Result<T> {
        let problems: Problems = Arc::new(Mutex::default());
        let reader = self.source.reader(Arc::clone(&problems));
        let built = build(VarBuilder::from_backend(Box::new(reader), dtype, device.clone()))?;
        self.sound(&problems)?;
        Ok(built)
    }

    /// Reads the numbers into variables and builds the network of them, for training in f32: gradients reach all of
    /// them, and the running statistics move.
    ///
    /// A network with options of its own is built around the same variables:
    ///
    /// ```no_run
    /// # use candle_core::{DType, Device};
    /// # use candle_nn::VarBuilder;
    /// # use leap_binder::model::{Classifier, DenseNet, DenseNetConfig, Weights};
    /// # let weights = Weights::open("densenet201.safetensors")?;
    /// let (_, variables) = weights.trainable(&Device::Cpu)?;
    /// let config = DenseNetConfig { memory_efficient: true, drop_rate: 0.1, ..DenseNetConfig::densenet201() };
    /// let vb = VarBuilder::from_varmap(&variables, DType::F32, &Device::Cpu);
    /// let network = DenseNet::new(&config, weights.classes().len(), vb)?;
    /// let classifier = Classifier::around(std::sync::Arc::new(network), weights.card())?;
    /// # Ok::<(), leap_binder::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Weights::network`].
    pub fn trainable(&self, device: &Device) -> Result<(Box<dyn Network>, VarMap)> {
        let variables = VarMap::new();
        let problems: Problems = Arc::new(Mutex::default());
        let reader = self.source.reader(Arc::clone(&problems)).into_variables(variables.clone());
        let vb = VarBuilder::from_backend(Box::new(reader), DType::F32, device.clone());
        let network = self.card.architecture.build(self.card.input.channels(), self.card.classes.len(), vb)?;
        self.sound(&problems)?;
        Ok((network, variables))
    }

    /// Refuses tensors in which `problems` were found.
    fn sound(&self, problems: &Problems) -> Result<()> {
        let problems = std::mem::take(&mut *problems.lock().unwrap_or_else(PoisonError::into_inner));
        if problems.is_empty() {
            return Ok(());
        }
        let expected = "finite values, and running variances of at least zero";
        Err(wrong(self.path(), expected, problems.join("; "), None))
    }
}

/// The learned values among `variables`: all but running statistics.
pub fn learned(variables: &VarMap) -> Vec<(String, Var)> {
    let data = variables.data().lock().unwrap_or_else(PoisonError::into_inner);
    let learned = data.iter().filter(|(name, _)| !super::architecture::is_statistic(name));
    let mut learned: Vec<_> = learned.map(|(name, var)| (name.clone(), var.clone())).collect();
    learned.sort_by(|(a, _), (b, _)| a.cmp(b));
    learned
}

fn wrong(path: &Path, expected: impl Into<String>, found: impl Into<String>, source: Option<BoxError>) -> Error {
    Error::Weights { path: path.to_owned(), expected: expected.into(), found: found.into(), source }
}
