use crate::contract::DataState;
use crate::evaluate::SampleTable;
use crate::explore::Gap;
use crate::explore::statistics::difference_of_means;
use crate::metrics::Bootstrap;

/// Labelled samples that both sides need.
const FEWEST: usize = 5;

/// How often the model is right on some of a subset's samples, given ascending, and on its others, with the interval of the default
/// bootstrap; none where either side has fewer than five labelled ones.
pub(super) fn accuracy_gap(table: &SampleTable, state: DataState, inside: &[usize]) -> Option<Gap> {
    let mut sides = [Vec::new(), Vec::new()];
    for (place, row) in table.rows.iter().enumerate().filter(|(_, row)| row.state == state) {
        if let Some(label) = row.label {
            let side = usize::from(inside.binary_search(&place).is_err());
            sides[side].push(f64::from(u8::from(label == row.prediction)));
        }
    }
    if sides.iter().any(|side| side.len() < FEWEST) {
        return None;
    }
    gap("accuracy", &sides, &Bootstrap::default())
}

/// The means of a metric inside and outside of a group, and the interval of their difference; none where either side is empty.
pub(super) fn gap(metric: &str, [inside, outside]: &[Vec<f64>; 2], bootstrap: &Bootstrap) -> Option<Gap> {
    let estimate = difference_of_means(inside, outside, bootstrap).ok()?;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    Some(Gap {
        metric: metric.to_owned(),
        inside: mean(inside),
        outside: mean(outside),
        difference: estimate.value?,
        low: estimate.low?,
        high: estimate.high?,
        level: bootstrap.level,
    })
}
