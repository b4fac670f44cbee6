/// Adjusts p-values so that those below a level hold a share of false ones of at most that level (Benjamini and Hochberg,
/// "Controlling the False Discovery Rate", 1995); in the order given.
///
/// The adjusted value of the `i`-th smallest of `m` is the smallest `p m / rank` from rank `i` on, at most 1. It holds for
/// independent and for positively dependent tests. Equal to `scipy.stats.false_discovery_control`.
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[b].total_cmp(&p_values[a]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut smallest = 1.0f64;
    for (passed, &place) in order.iter().enumerate() {
        let rank = p_values.len() - passed;
        smallest = smallest.min(p_values[place] * p_values.len() as f64 / rank as f64);
        adjusted[place] = smallest;
    }
    adjusted
}
