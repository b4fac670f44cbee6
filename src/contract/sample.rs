use std::fmt;

use serde::Serialize;

use super::DataState;

/// The name of one sample, unique within its subset: a text or an integer.
///
/// ```
/// use leap_binder::contract::SampleId;
/// assert_eq!(SampleId::from("person1_virus_6").to_string(), "person1_virus_6");
/// assert_eq!(SampleId::from(7).to_string(), "7");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub enum SampleId {
    /// A number, as code_loader makes them from a length.
    Int(i64),
    /// A text of at most 256 characters.
    Text(String),
}

impl SampleId {
    /// `integer` or `text`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Int(_) => "integer",
            Self::Text(_) => "text",
        }
    }
}

impl fmt::Display for SampleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(id) => write!(f, "{id}"),
            Self::Text(id) => f.pad(id),
        }
    }
}

impl From<&str> for SampleId {
    fn from(id: &str) -> Self {
        Self::Text(id.to_owned())
    }
}

impl From<String> for SampleId {
    fn from(id: String) -> Self {
        Self::Text(id)
    }
}

impl From<i64> for SampleId {
    fn from(id: i64) -> Self {
        Self::Int(id)
    }
}

/// One part of the data and the samples in it (Tensorleap: `PreprocessResponse`).
///
/// The state is always given, so a subset's meaning never depends on its place in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Subset {
    /// Which part this is.
    pub state: DataState,
    /// The samples, in the order in which they are visited.
    pub sample_ids: Vec<SampleId>,
}

impl Subset {
    /// A subset from anything that turns into sample ids.
    ///
    /// ```
    /// use leap_binder::contract::{DataState, Subset};
    /// assert_eq!(Subset::new(DataState::Training, 0..100).len(), 100);
    /// assert_eq!(Subset::new(DataState::Test, ["a", "b"]).len(), 2);
    /// ```
    pub fn new<I>(state: DataState, sample_ids: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<SampleId>,
    {
        Self { state, sample_ids: sample_ids.into_iter().map(Into::into).collect() }
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.sample_ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sample_ids.is_empty()
    }
}
