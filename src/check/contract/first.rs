use crate::binder::{AnySample, Place, Prepared, Registry};
use crate::contract::{Code, Subset, Violation};

/// The first sample of each subset (or of its first group), loaded once for all functions.
pub(super) struct FirstSamples<'a> {
    subsets: Vec<(Place<'a>, Loaded)>,
}

type Loaded = Result<Box<AnySample>, Violation>;

impl<'a> FirstSamples<'a> {
    pub(super) fn load(registry: &Registry, prepared: &'a Prepared) -> Self {
        let load = |subset: &'a Subset| {
            let group = subset.first_group().unwrap_or_default();
            let sample = match group.first() {
                None => {
                    let found = "list index out of range: the subset is empty";
                    Err(Violation::new(Code::EmptySubset, "load", "a first sample", found))
                }
                Some(id) => {
                    let samples = registry.load_group(subset.state, group);
                    let first = samples.map(|samples| samples.into_iter().next());
                    match first {
                        Ok(Some(sample)) => Ok(sample),
                        Ok(None) => {
                            Err(Violation::new(Code::GroupSize, "load_group", "one sample for each id", "none"))
                        }
                        Err(violation) => Err(violation.on(subset.state, Some(id))),
                    }
                }
            };
            (Place { state: subset.state, ids: group.get(..1).unwrap_or_default() }, sample)
        };
        Self { subsets: prepared.subsets.iter().map(load).collect() }
    }

    /// Each subset with its first sample, or why there is none.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Place<'a>, Result<&AnySample, &Violation>)> {
        self.subsets.iter().map(|(place, sample)| (*place, sample.as_ref().map(|sample| &**sample)))
    }
}
