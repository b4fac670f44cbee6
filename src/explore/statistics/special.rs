use std::f64::consts::PI;

pub(super) use crate::metrics::{chi_squared_tail, normal_tail};

/// The chance that the supremum of a Brownian bridge exceeds `x` (Kolmogorov, 1933), by whichever of its two series
/// converges fast.
pub(super) fn kolmogorov_tail(x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    if x < 1.0 {
        let exponent = -PI * PI / (8.0 * x * x);
        let sum: f64 = (1..=20).map(|k| f64::from(2 * k - 1)).map(|odd| (exponent * odd * odd).exp()).sum();
        return 1.0 - (2.0 * PI).sqrt() / x * sum;
    }
    let term = |k: i32| if k % 2 == 1 { 1.0 } else { -1.0 } * (-2.0 * f64::from(k * k) * x * x).exp();
    (2.0 * (1..=20).map(term).sum::<f64>()).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_scipys() {
        // scipy.stats.norm.sf, chi2.sf and kstwobign.sf.
        let close = |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 1e-11, "{found} {expected}");
        close(normal_tail(1.5), 0.06680720126885807);
        close(normal_tail(20.0), 2.7536241186061556e-89);
        close(normal_tail(-1.5), 1.0 - 0.06680720126885807);
        close(chi_squared_tail(3.0, 1), 0.08326451666355042);
        close(chi_squared_tail(200.0, 7), 1.147781224014262e-39);
        close(kolmogorov_tail(0.7), 0.7112351950296893);
        close(kolmogorov_tail(2.5), 7.453306344157342e-06);
        assert_eq!([kolmogorov_tail(0.0), chi_squared_tail(0.0, 2), chi_squared_tail(1.0, 0)], [1.0; 3]);
    }
}
