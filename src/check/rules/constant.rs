use super::Rule;
use crate::check::finding::Judged;
use crate::check::function::Function;
use crate::check::tally::Tally;
use crate::contract::{Code, Metadata, MetadataValue, Violation};

/// Columns named in a finding.
const NAMED: usize = 5;

/// Which columns of a metadata function had more than one value so far.
#[derive(Debug)]
pub(in crate::check) struct Variation {
    first: Metadata,
    varies: Vec<bool>,
}

impl Variation {
    pub(in crate::check) fn new(first: Metadata) -> Self {
        let varies = vec![false; values(&first).len()];
        Self { first, varies }
    }

    pub(in crate::check) const fn first(&self) -> &Metadata {
        &self.first
    }

    /// Takes in one more sample.
    pub(in crate::check) fn take(&mut self, metadata: &Metadata) {
        match (&self.first, metadata) {
            (Metadata::Scalar(first), Metadata::Scalar(value)) => self.varies[0] |= !same(first, value),
            (Metadata::Map(first), Metadata::Map(entries)) if first.len() == entries.len() => {
                for (varies, ((_, first), (_, value))) in self.varies.iter_mut().zip(first.iter().zip(entries)) {
                    *varies |= !same(first, value);
                }
            }
            // Other columns than on the first sample: nothing is known to be constant.
            _ => self.varies.fill(true),
        }
    }

    pub(in crate::check) fn merge(&mut self, other: &Self) {
        self.take(&other.first);
        if self.varies.len() == other.varies.len() {
            self.varies.iter_mut().zip(&other.varies).for_each(|(varies, other)| *varies |= other);
        }
    }
}

/// Values of a result in column order.
fn values(metadata: &Metadata) -> Vec<&MetadataValue> {
    match metadata {
        Metadata::Scalar(value) => vec![value],
        Metadata::Map(entries) => entries.iter().map(|(_, value)| value).collect(),
    }
}

/// Equal, or both absent.
pub(super) fn same(a: &MetadataValue, b: &MetadataValue) -> bool {
    a == b || (a.is_absent() && b.is_absent())
}

/// No column has one value on all samples. `tallies` are the function's on each subset.
pub(in crate::check) fn judge<'t>(function: &Function, tallies: impl IntoIterator<Item = &'t Tally>) -> Judged {
    let mut judged = Judged::default();
    // Those that come with instances and chains say the same of every row that is a sample.
    if function.name.starts_with("builtin_") {
        return judged;
    }
    let (mut whole, mut samples): (Option<Variation>, usize) = (None, 0);
    for tally in tallies {
        samples += tally.passed();
        match (&mut whole, &tally.variation) {
            (Some(whole), Some(part)) => whole.merge(part),
            (None, Some(part)) => {
                whole = Some(Variation { first: part.first.clone(), varies: part.varies.clone() });
            }
            (_, None) => {}
        }
    }
    let Some(whole) = whole.filter(|_| samples >= 2) else {
        judged.skip(Rule::Constant, &function.title, format!("{samples} samples, two are needed"));
        return judged;
    };
    let count = whole.varies.len();
    let columns = whole.first.into_columns(&function.name);
    let constant: Vec<_> = columns.iter().zip(&whole.varies).filter(|(_, varies)| !**varies).collect();
    if constant.is_empty() {
        return judged;
    }
    let named = constant.iter().take(NAMED).map(|((name, value), _)| {
        if value.is_absent() { format!("{name} absent") } else { format!("{name} = {value}") }
    });
    let mut found = named.collect::<Vec<_>>().join(", ");
    if constant.len() > NAMED {
        found.push_str(&format!(" and {} more", constant.len() - NAMED));
    }
    found.push_str(&format!(" on all of {samples} samples ({} of {count} columns)", constant.len()));
    let expected = "columns that differ between samples";
    judged.fail(Rule::Constant, Violation::new(Code::ConstantMetadata, &*function.title, expected, found));
    judged
}
