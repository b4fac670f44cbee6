use std::fmt;

use serde::Serialize;

use super::{Code, DataState, Violation};

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
/// The state is always given, so a subset's meaning never depends on its place in a list. Ids are flat, or in groups that
/// are loaded together (one file with many samples, say).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Subset {
    /// Which part this is.
    pub state: DataState,
    /// The samples, in the order in which they are visited; groups one after the other.
    pub sample_ids: Vec<SampleId>,
    /// The sizes of the groups; none when the samples are not grouped.
    group_sizes: Option<Vec<usize>>,
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
        Self { state, sample_ids: sample_ids.into_iter().map(Into::into).collect(), group_sizes: None }
    }

    /// A subset whose samples are loaded in groups ([`super::Dataset::load_group`]).
    ///
    /// ```
    /// use leap_binder::contract::{DataState, Subset};
    /// let subset = Subset::grouped(DataState::Training, [vec!["scan1/0", "scan1/1"], vec!["scan2/0"]])?;
    /// assert_eq!((subset.len(), subset.groups().count()), (3, 2));
    /// # Ok::<(), leap_binder::contract::Violation>(())
    /// ```
    ///
    /// # Errors
    /// `BND-109` for an empty group, `BND-106` when text and integer ids are mixed.
    pub fn grouped<G>(state: DataState, groups: G) -> Result<Self, Violation>
    where
        G: IntoIterator,
        G::Item: IntoIterator,
        <G::Item as IntoIterator>::Item: Into<SampleId>,
    {
        let (mut sample_ids, mut sizes): (Vec<SampleId>, Vec<usize>) = (Vec::new(), Vec::new());
        for (place, group) in groups.into_iter().enumerate() {
            let before = sample_ids.len();
            sample_ids.extend(group.into_iter().map(Into::into));
            if sample_ids.len() == before {
                let found = format!("none in group {place}");
                return Err(Violation::new(
                    Code::GroupRule,
                    "preprocess",
                    "a non-empty list of ids in each group",
                    found,
                )
                .on(state, None));
            }
            sizes.push(sample_ids.len() - before);
        }
        let first = sample_ids.first().map(SampleId::kind);
        if let Some(other) = sample_ids.iter().find(|id| Some(id.kind()) != first) {
            let expected = format!("{} ids as the first", first.unwrap_or("text"));
            return Err(Violation::new(Code::MixedIdTypes, "preprocess", expected, other.kind()).on(state, Some(other)));
        }
        Ok(Self { state, sample_ids, group_sizes: Some(sizes) })
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.sample_ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sample_ids.is_empty()
    }

    /// Whether the samples are loaded in groups.
    pub fn is_grouped(&self) -> bool {
        self.group_sizes.is_some()
    }

    /// The ids that are loaded together: the groups, or each sample by itself.
    pub fn groups(&self) -> impl Iterator<Item = &[SampleId]> {
        let mut rest = self.sample_ids.as_slice();
        let mut sizes = self.group_sizes.as_deref().map(<[usize]>::iter);
        std::iter::from_fn(move || {
            let size = match &mut sizes {
                Some(sizes) => sizes.next().copied().or((!rest.is_empty()).then_some(rest.len()))?,
                None => 1,
            };
            let (group, after) = rest.split_at_checked(size)?;
            rest = after;
            Some(group)
        })
    }

    /// The first ids that are loaded together; none when there is no sample.
    pub(crate) fn first_group(&self) -> Option<&[SampleId]> {
        self.groups().next()
    }
}
