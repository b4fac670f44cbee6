use statrs::function::beta::checked_beta_reg;
use statrs::function::erf::erfc_inv;
use statrs::function::gamma::checked_gamma_ur;

/// The chance that a standard normal number exceeds `z`. Through chi-squared, since statrs's `erfc` is good to ten digits
/// only.
pub(crate) fn normal_tail(z: f64) -> f64 {
    let half = chi_squared_tail(z * z, 1) / 2.0;
    if z < 0.0 { 1.0 - half } else { half }
}

/// The chance that a chi-squared number with `freedom` degrees of freedom exceeds `x`; 1 where there is no freedom.
pub(crate) fn chi_squared_tail(x: f64, freedom: usize) -> f64 {
    if freedom == 0 || x <= 0.0 {
        return 1.0;
    }
    checked_gamma_ur(freedom as f64 / 2.0, x / 2.0).unwrap_or(0.0)
}

/// The number that a standard normal one exceeds with chance `tail`, in (0, 1).
///
/// One step of Newton's method on [`normal_tail`] takes statrs's value to full precision.
pub(super) fn normal_quantile(tail: f64) -> f64 {
    let rough = std::f64::consts::SQRT_2 * erfc_inv(2.0 * tail);
    let density = (-0.5 * rough * rough).exp() / (2.0 * std::f64::consts::PI).sqrt();
    rough + (normal_tail(rough) - tail) / density
}

/// The chance that of `n` fair coins at most `heads` fall on heads.
pub(super) fn fair_coins(heads: u64, n: u64) -> f64 {
    if heads >= n {
        return 1.0;
    }
    // The binomial distribution is a regularised incomplete beta function.
    checked_beta_reg((n - heads) as f64, heads as f64 + 1.0, 0.5).unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_coins_are_scipys() {
        // scipy.stats.norm.isf and binom.cdf(heads, n, 0.5).
        let close = |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 1e-11, "{found} {expected}");
        close(normal_quantile(0.025), 1.959963984540054);
        close(normal_quantile(0.005), 2.5758293035489004);
        close(normal_quantile(0.3), 0.5244005127080407);
        close(normal_quantile(1e-9), 5.997807015007687);
        close(fair_coins(0, 1), 0.5);
        close(fair_coins(3, 20), 0.0012884140014648438);
        close(fair_coins(400, 1000), 1.3642320780329735e-10);
        // Two programs for the incomplete beta function part here at the eleventh digit.
        assert!((fair_coins(23_000, 50_000) / 6.614315703172781e-72 - 1.0).abs() < 1e-9);
        assert_eq!([fair_coins(0, 0), fair_coins(7, 7)], [1.0; 2]);
    }
}
