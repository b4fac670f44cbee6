use crate::Result;
use crate::metrics::{Bootstrap, Estimate};

/// The difference of two groups' means, first minus second, with its bootstrap interval: both groups are drawn anew, each
/// within itself. None without values in either.
///
/// Values are sorted before, so that their order does not matter. Takes time with `resamples` times the number of values.
///
/// # Errors
/// [`crate::Error::Argument`] when the level lies outside (0, 1).
pub fn difference_of_means(first: &[f64], second: &[f64], bootstrap: &Bootstrap) -> Result<Estimate> {
    bootstrap.check()?;
    let groups = [first, second].map(|values| {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values
    });
    if groups.iter().any(Vec::is_empty) {
        return Ok(Estimate { value: None, low: None, high: None });
    }
    let mean = |values: &[f64], counts: &[u64]| {
        values.iter().zip(counts).map(|(value, &count)| value * count as f64).sum::<f64>() / values.len() as f64
    };
    let once = groups.each_ref().map(|values| mean(values, &vec![1; values.len()]));
    let apart = Bootstrap { seed: bootstrap.seed ^ 0x5eed_0f5e_c0d0_a11e, ..*bootstrap };
    let drawn = bootstrap.resample(groups[0].len(), |counts| mean(&groups[0], counts));
    let others = apart.resample(groups[1].len(), |counts| mean(&groups[1], counts));
    let differences = drawn.iter().zip(&others).map(|(a, b)| a - b);
    Ok(bootstrap.estimate(Some(once[0] - once[1]), differences))
}
