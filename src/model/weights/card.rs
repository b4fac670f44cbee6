use std::collections::BTreeMap;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::wrong;
use crate::imaging::ImageSpec;
use crate::model::Architecture;
use crate::model::network::sides_in_words;
use crate::{Error, Result};

/// What a weights file says of itself besides the numbers: the network, its classes, its input, where it comes from.
///
/// In a safetensors file these are the metadata keys `architecture` (a name of [`Architecture`]), `classes` (a JSON list of
/// names in the order of the head's rows), `input` (an [`ImageSpec`] in JSON) and whatever else is in [`Card::provenance`].
/// Files of other programs have none of it: give the card yourself.
///
/// ```
/// use leap_binder::model::{Architecture, Card};
///
/// let card = Card::new(Architecture::DenseNet201, ["NORMAL", "PNEUMONIA"]);
/// assert_eq!(card.input.to_string(), "224x224 rgb, unit range then (x - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225], pil_bilinear");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// The network.
    pub architecture: Architecture,
    /// The classes in the order of the logits. At least one, all different.
    pub classes: Vec<String>,
    /// How the images of the training were prepared.
    pub input: ImageSpec,
    /// Further keys. [`save`](super::save) writes them as they are; the crate's own are [`Card::DATA`],
    /// [`Card::DATA_MANIFEST`], [`Card::METRICS`] and [`Card::MADE_BY`].
    pub provenance: BTreeMap<String, String>,
}

impl Card {
    /// Key: where the training images came from, and under which licence.
    pub const DATA: &str = "data";
    /// Key: a digest of the list of training samples.
    pub const DATA_MANIFEST: &str = "data_manifest";
    /// Key: scores by name, as a JSON object of numbers; see [`Card::with_metrics`].
    pub const METRICS: &str = "metrics";
    /// Key: the version and, in release builds from a repository, the commit of the crate that wrote the file. Always set by
    /// [`save`](super::save); the other keys stay as they were read or given.
    pub const MADE_BY: &str = "made_by";

    /// A card for the input that the architecture's released weights take ([`Architecture::input`]). Weights of another release may
    /// want another: torchvision's ViT-B/16 and EfficientNet-B1, for two, are normalised as ImageNet is, timm's are not. See
    /// [`Card::with_input`].
    pub fn new<S: Into<String>>(architecture: Architecture, classes: impl IntoIterator<Item = S>) -> Self {
        Self {
            architecture,
            classes: classes.into_iter().map(Into::into).collect(),
            input: architecture.input(),
            provenance: BTreeMap::new(),
        }
    }

    /// The same for another input.
    #[must_use]
    pub fn with_input(mut self, input: ImageSpec) -> Self {
        self.input = input;
        self
    }

    /// The same with one more key of provenance.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.provenance.insert(key.into(), value.into());
        self
    }

    /// The same with scores. Those that are not finite are left out, since JSON has no word for them.
    #[must_use]
    pub fn with_metrics(self, metrics: &BTreeMap<String, f64>) -> Self {
        let finite: serde_json::Map<_, _> = metrics
            .iter()
            .filter(|(_, value)| value.is_finite())
            .map(|(name, &value)| (name.clone(), value.into()))
            .collect();
        self.with(Self::METRICS, serde_json::Value::Object(finite).to_string())
    }

    /// The scores that [`Card::with_metrics`] noted; empty if there are none or they cannot be read.
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        self.provenance.get(Self::METRICS).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// Reads the metadata of the file at `path`.
    pub(super) fn read(path: &Path, metadata: &BTreeMap<String, String>) -> Result<Self> {
        let mut metadata = metadata.clone();
        let mut take = |key: &str| {
            let expected = || format!("the metadata key {key} (or a card for a file without)");
            metadata.remove(key).ok_or_else(|| wrong(path, expected(), "none", None))
        };
        let architecture = take("architecture")?;
        let classes = take("classes")?;
        let input = take("input")?;
        let architecture = architecture.parse().map_err(|error: Error| match error {
            Error::Config { expected, found, .. } => wrong(path, format!("an architecture of {expected}"), found, None),
            other => other,
        })?;
        // How PyTorch's tools mark a file; says nothing of where it comes from.
        metadata.remove("format");
        let classes = parse(path, "classes", &classes)?;
        Ok(Self { architecture, classes, input: parse(path, "input", &input)?, provenance: metadata })
    }

    /// The metadata of a file.
    pub(super) fn write(&self) -> Result<BTreeMap<String, String>> {
        let mut metadata = self.provenance.clone();
        let json = |error: serde_json::Error| Error::argument("Card", "text that JSON can hold", error.to_string());
        metadata.insert("architecture".to_owned(), self.architecture.name().to_owned());
        metadata.insert("classes".to_owned(), serde_json::to_string(&self.classes).map_err(json)?);
        metadata.insert("input".to_owned(), serde_json::to_string(&self.input).map_err(json)?);
        metadata.insert(Self::MADE_BY.to_owned(), made_by());
        Ok(metadata)
    }

    /// Refuses classes that repeat and an input that the network does not take, for the file at `path`.
    pub(super) fn check(&self, path: &Path) -> Result<()> {
        let repeated = self.classes.iter().enumerate().any(|(i, class)| self.classes[..i].contains(class));
        if self.classes.is_empty() || repeated {
            return Err(wrong(
                path,
                "classes that are all different, at least one",
                format!("{:?}", self.classes),
                None,
            ));
        }
        let (sides, step) = (self.architecture.sides(), self.architecture.step());
        if [self.input.width, self.input.height].iter().all(|side| sides.contains(side) && side % step == 0) {
            return Ok(());
        }
        let multiples = if step == 1 { String::new() } else { format!(", multiples of {step}") };
        let sides = sides_in_words(&sides);
        let expected = format!("an input that {} takes, with {sides}{multiples}", self.architecture);
        Err(wrong(path, expected, self.input.to_string(), None))
    }
}

/// This crate's version and, in release builds from a repository, the commit it was built from.
fn made_by() -> String {
    let version = concat!("leap-binder ", env!("CARGO_PKG_VERSION"));
    match env!("LEAP_BINDER_COMMIT") {
        "" => version.to_owned(),
        commit => format!("{version}, commit {commit}"),
    }
}

fn parse<T: DeserializeOwned>(path: &Path, key: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|source| {
        wrong(path, format!("a valid metadata key {key}"), format!("{text} ({source})"), Some(source.into()))
    })
}
