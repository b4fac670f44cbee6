use std::collections::HashMap;

use super::Rule;
use crate::check::finding::Judged;
use crate::contract::{Code, SampleId, Subset, Violation};

/// Findings for each subset; all are counted in the last.
const KEPT: usize = 20;

/// No sample id occurs twice in a subset. Two subsets may share ids, as those that count from zero do.
pub(in crate::check) fn judge(subsets: &[Subset]) -> Judged {
    let mut judged = Judged::default();
    for subset in subsets {
        let mut first: HashMap<&SampleId, usize> = HashMap::with_capacity(subset.len());
        let mut twice = Vec::new();
        for (place, id) in subset.sample_ids.iter().enumerate() {
            if let Some(&earlier) = first.get(id) {
                twice.push((id, earlier, place));
            } else {
                first.insert(id, place);
            }
        }
        for &(id, earlier, place) in twice.iter().take(KEPT) {
            let mut found = format!("it at places {earlier} and {place}");
            if twice.len() > 1 {
                found.push_str(&format!(" ({} ids are repeated in this subset)", twice.len()));
            }
            let violation = Violation::new(Code::DuplicateSampleId, "preprocess", "each sample id once", found);
            judged.fail(Rule::Duplicates, violation.on(subset.state, Some(id)));
        }
    }
    judged
}
