use std::collections::HashSet;

use super::{Registry, guarded};
use crate::Result;
use crate::contract::{Code, DataState, SampleId, Subset, Violation};

/// The longest sample id in characters, as in code_loader.
const MAX_ID_LENGTH: usize = 256;

impl Registry {
    /// Runs preprocess: the subsets in contract order.
    ///
    /// # Errors
    /// [`crate::Error::Contract`] with the first broken rule, `BND-101` to `BND-107`.
    pub fn subsets(&self) -> Result<Vec<Subset>> {
        let (subsets, violations) = self.preprocess();
        violations.into_iter().next().map_or(Ok(subsets), |violation| Err(violation.into()))
    }

    /// Runs preprocess and the rules that code_loader's check holds it to.
    ///
    /// Subsets come back in contract order and without empty or repeated ones, so that functions can still be run on what
    /// is left when a rule is broken.
    pub(crate) fn preprocess(&self) -> (Vec<Subset>, Vec<Violation>) {
        match guarded("preprocess", || self.dataset.preprocess()) {
            Ok(subsets) => with_rules(subsets),
            Err(mut violation) => {
                violation.code = Code::PreprocessFailed;
                (Vec::new(), vec![violation])
            }
        }
    }
}

fn with_rules(mut subsets: Vec<Subset>) -> (Vec<Subset>, Vec<Violation>) {
    subsets.sort_by_key(|subset| subset.state);
    let mut violations = Vec::new();
    for state in [DataState::Training, DataState::Validation] {
        if !subsets.iter().any(|subset| subset.state == state) {
            let found: Vec<&str> = subsets.iter().map(|subset| subset.state.as_str()).collect();
            violations.push(broken(Code::MissingSubset, format!("a {state} subset"), format!("{found:?}")));
        }
    }
    let mut seen = HashSet::new();
    subsets.retain(|subset| {
        let first = seen.insert(subset.state);
        if !first {
            violations.push(broken(Code::DuplicateState, "each state once", format!("{} twice", subset.state)));
        }
        if subset.is_empty() {
            let found = format!("no sample in {}", subset.state);
            violations.push(broken(Code::EmptySubset, "samples in every subset", found).on(subset.state, None));
        }
        first && !subset.is_empty()
    });
    violations.extend(subsets.iter().flat_map(id_rules));
    violations.extend(one_kind_of_id(&subsets));
    (subsets, violations)
}

fn id_rules(subset: &Subset) -> Vec<Violation> {
    let mut violations = Vec::new();
    let length = |id: &SampleId| if let SampleId::Text(id) = id { id.chars().count() } else { 0 };
    if let Some(id) = subset.sample_ids.iter().max_by_key(|id| length(id)).filter(|id| length(id) > MAX_ID_LENGTH) {
        let found = format!("{} characters", length(id));
        let expected = format!("at most {MAX_ID_LENGTH} characters in a sample id");
        violations.push(broken(Code::LongSampleId, expected, found).on(subset.state, Some(id)));
    }
    let mut seen = HashSet::with_capacity(subset.len());
    if let Some(id) = subset.sample_ids.iter().find(|id| !seen.insert(*id)) {
        violations.push(broken(Code::DuplicateSampleId, "each sample once", "it twice").on(subset.state, Some(id)));
    }
    violations
}

fn one_kind_of_id(subsets: &[Subset]) -> Option<Violation> {
    let kinds = |subset: &Subset| subset.sample_ids.iter().map(SampleId::kind).collect::<HashSet<_>>();
    let all: HashSet<&str> = subsets.iter().flat_map(kinds).collect();
    (all.len() > 1).then(|| broken(Code::MixedIdTypes, "one type of id in all subsets", "text and integer ids"))
}

fn broken(code: Code, expected: impl Into<String>, found: impl Into<String>) -> Violation {
    Violation::new(code, "preprocess", expected, found)
}
