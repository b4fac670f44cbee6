//! The rules beyond code_loader's, one file for each family.

pub(super) mod constant;
pub(super) mod deterministic;
pub(super) mod duplicates;
pub(super) mod leak;
pub(super) mod loss;
pub(super) mod metadata;
pub(super) mod slow;
pub(super) mod tensor;

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::Error;

/// A rule beyond code_loader's. None is judged unless it is turned on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// `dtype`: every encoder gives float32, and a metadata column keeps the type it has on the first training sample.
    /// `BND-204`, `BND-207`. Costs nothing.
    Dtype,
    /// `shape`: every tensor has the shape of the first training sample's, and that which an image specification declares;
    /// every metadata map has its keys. A missing label, an empty tensor, may stand in any sample. `BND-205`, `BND-209`.
    /// Costs nothing.
    Shape,
    /// `finite`: no encoder gives NaN or an infinity. `BND-206`. Costs one pass over the values.
    Finite,
    /// `duplicates`: no sample id occurs twice in a subset. `BND-107`. Costs a few bytes for each sample.
    Duplicates,
    /// `deterministic`: a sample that is loaded and encoded again gives the same bits and the same metadata. `BND-401`.
    /// Costs two more runs of the encoders on the first sample of each subset, or on up to sixteen when more samples than
    /// the first are checked.
    Deterministic,
    /// `leak`: no input holds the ground truth. `BND-402`. Costs another run of the encoders on up to 128 samples, evenly
    /// spread over the first labelled subset; less than 16 that fit together are not judged.
    ///
    /// Two criteria, for each input and ground truth. *Verbatim*: the truth's values stand in the input, one after the
    /// other from one place on, in every sample, and eight samples have another truth than the commonest; truths of more
    /// than 64 values are looked for as a whole plane, channels first or last. *By class*: at least two classes have at least eight samples,
    /// and one element of the input has in each class one value, another in each. So a corner that is black in all images
    /// is no leak, nor is an element that merely goes with the class. Inputs of at most two distinct values are only held
    /// against large truths, because a single bit may well be a feature.
    Leak,
    /// `constant`: no metadata column has one value on all samples that were checked, of which there must be two.
    /// `BND-403`. Costs a comparison.
    Constant,
    /// `loss`: a loss gives one finite value for each sample, the same in any order and alone as in a batch, and falls when
    /// a stand-in prediction moves to the ground truth. `BND-206`, `BND-211`, `BND-404`, `BND-405`. Costs another run of the
    /// encoders on up to eight samples.
    Loss,
    /// `outputs`: latent spaces of samples, visualizers, losses and metrics run on each sample, with stand-ins for
    /// predictions, and their results keep the contract's rules. `BND-202`, `BND-203`, `BND-208`, `BND-210`, `BND-211`,
    /// `BND-213`. Costs what they cost.
    Outputs,
    /// `black`: no visualizer's picture would be shown black. `BND-406`. Costs a run of the visualizers and a pass over the
    /// pixels.
    Black,
    /// `slow`: no sample takes more than ten times as long to load as the median of its subset, and more than 50 ms. A
    /// warning (`BND-407`), as it depends on the machine. Costs four bytes for each sample.
    Slow,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 11] = [
        Self::Dtype,
        Self::Shape,
        Self::Finite,
        Self::Duplicates,
        Self::Deterministic,
        Self::Leak,
        Self::Constant,
        Self::Loss,
        Self::Outputs,
        Self::Black,
        Self::Slow,
    ];

    /// The name on a command line and in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dtype => "dtype",
            Self::Shape => "shape",
            Self::Finite => "finite",
            Self::Duplicates => "duplicates",
            Self::Deterministic => "deterministic",
            Self::Leak => "leak",
            Self::Constant => "constant",
            Self::Loss => "loss",
            Self::Outputs => "outputs",
            Self::Black => "black",
            Self::Slow => "slow",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Rule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            Error::config("rule", format!("one of {names}"), format!("{text:?}"))
        })
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Some of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct RuleSet(u16);

impl RuleSet {
    /// No rule.
    pub const NONE: Self = Self(0);
    /// Every rule.
    pub const ALL: Self = Self((1 << Rule::ALL.len()) - 1);

    /// This and `rule`.
    #[must_use]
    pub const fn with(self, rule: Rule) -> Self {
        Self(self.0 | 1 << rule as u16)
    }

    /// This but not `rule`.
    #[must_use]
    pub const fn without(self, rule: Rule) -> Self {
        Self(self.0 & !(1 << rule as u16))
    }

    /// Whether `rule` is among them.
    pub const fn has(self, rule: Rule) -> bool {
        self.0 & (1 << rule as u16) != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The rules, in the order of [`Rule::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Rule> {
        Rule::ALL.into_iter().filter(move |rule| self.has(*rule))
    }
}

impl FromIterator<Rule> for RuleSet {
    fn from_iter<I: IntoIterator<Item = Rule>>(rules: I) -> Self {
        rules.into_iter().fold(Self::NONE, Self::with)
    }
}

impl Serialize for RuleSet {
    /// The rules' names.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// Up to `most` of `places`, evenly spread, the first among them.
pub(super) fn thinned(places: &[usize], most: usize) -> Vec<usize> {
    let count = places.len().min(most);
    (0..count).map(|k| places[k * places.len() / count]).collect()
}
