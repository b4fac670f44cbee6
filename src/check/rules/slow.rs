use super::Rule;
use crate::check::finding::Judged;
use crate::contract::{Code, Subset, Violation};

/// How many times the median is too long.
const TIMES: f32 = 10.0;
/// Seconds that are never too long.
const SECONDS: f32 = 0.05;
/// Samples without which there is no telling what is usual.
const NEEDED: usize = 8;
/// Findings for each subset.
const KEPT: usize = 20;

/// Warns of samples that took far longer to load than the median. `seconds` are those of the samples at `places`.
pub(in crate::check) fn judge(subset: &Subset, places: &[usize], seconds: &[f32]) -> Judged {
    let mut judged = Judged::default();
    if seconds.len() < NEEDED {
        let reason = format!("{} samples of {}, {NEEDED} are needed", seconds.len(), subset.state);
        judged.skip(Rule::Slow, "load", reason);
        return judged;
    }
    let mut sorted = seconds.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let median = sorted[sorted.len() / 2];
    let limit = SECONDS.max(TIMES * median);
    let slow = places.iter().zip(seconds).filter(|(_, seconds)| **seconds > limit);
    for (place, seconds) in slow.take(KEPT) {
        let expected = format!("about {:.1} ms as the median of the subset", 1e3 * median);
        let violation = Violation::new(Code::SlowSample, "load", expected, format!("{:.1} ms", 1e3 * seconds));
        judged.warn(Rule::Slow, violation.on(subset.state, subset.sample_ids.get(*place).map(|id| id as _)));
    }
    judged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::DataState;

    fn slow(seconds: &[f32]) -> Vec<String> {
        let subset = Subset::new(DataState::Test, 0..seconds.len() as i64);
        let places: Vec<usize> = (0..seconds.len()).collect();
        let judged = judge(&subset, &places, seconds);
        assert_eq!(judged.not_judged.is_empty(), seconds.len() >= NEEDED);
        judged.findings.into_iter().map(|finding| finding.failure.sample.unwrap()).collect()
    }

    #[test]
    fn an_outlier_is_long_beside_the_median_and_by_itself() {
        let with = |usual: f32, at: usize, odd: f32| {
            let mut seconds = [usual; 9];
            seconds[at] = odd;
            seconds
        };
        assert_eq!(slow(&with(0.01, 4, 0.2)), ["4"]);
        assert_eq!(slow(&with(0.001, 4, 0.04)), [""; 0], "forty times the median, and still nothing");
        assert_eq!(slow(&with(0.03, 4, 0.2)), [""; 0], "slow, but not much slower than the others");
        assert_eq!(slow(&with(0.01, 4, 0.2)[..7]), [""; 0], "too few to tell");
    }
}
