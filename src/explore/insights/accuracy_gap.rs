use crate::contract::DataState;
use crate::evaluate::SampleTable;
use crate::explore::Gap;
use crate::rng::SplitMix64;

/// Labelled samples that both sides need.
const FEWEST: usize = 5;
const RESAMPLES: usize = 1000;
const LEVEL: f64 = 0.95;

/// How often the model is right on some of a subset's samples, given ascending, and on its others; none where either side has
/// fewer than five labelled ones. The interval is the percentile bootstrap's, each side resampled by itself, from a fixed seed.
pub(super) fn accuracy_gap(table: &SampleTable, state: DataState, inside: &[usize]) -> Option<Gap> {
    let mut sides = [Vec::new(), Vec::new()];
    for (place, row) in table.rows.iter().enumerate().filter(|(_, row)| row.state == state) {
        if let Some(label) = row.label {
            sides[usize::from(inside.binary_search(&place).is_err())].push(label == row.prediction);
        }
    }
    if sides.iter().any(|side| side.len() < FEWEST) {
        return None;
    }
    let share = |side: &[bool]| side.iter().filter(|&&right| right).count() as f64 / side.len() as f64;
    let mut rng = SplitMix64::named(0, "accuracy_gap");
    let mut drawn =
        |side: &[bool]| (0..side.len()).filter(|_| side[rng.below(side.len())]).count() as f64 / side.len() as f64;
    let mut differences: Vec<f64> = (0..RESAMPLES).map(|_| drawn(&sides[0]) - drawn(&sides[1])).collect();
    differences.sort_by(f64::total_cmp);
    let at = |share: f64| differences[((RESAMPLES - 1) as f64 * share).round() as usize];
    let [inside, outside] = [share(&sides[0]), share(&sides[1])];
    Some(Gap {
        metric: "accuracy".to_owned(),
        inside,
        outside,
        difference: inside - outside,
        low: at((1.0 - LEVEL) / 2.0),
        high: at((1.0 + LEVEL) / 2.0),
        level: LEVEL,
    })
}
