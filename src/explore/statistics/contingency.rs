use statrs::function::factorial::ln_factorial;

use super::special::chi_squared_tail;

/// The smallest expected count for which the chi-squared law is trusted (Cochran, 1954).
const LEAST_EXPECTED: f64 = 5.0;

/// Counts of two categorical variables together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crosstab {
    rows: usize,
    columns: usize,
    counts: Vec<u64>,
}

/// How strongly two categorical variables go together.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Association {
    /// Pearson's chi-squared, without a correction for continuity.
    pub statistic: f64,
    /// `(rows - 1) (columns - 1)`, without rows and columns that are empty.
    pub freedom: usize,
    /// Chi-squared's, or Fisher's exact one in small 2 x 2 tables.
    pub p_value: f64,
    /// Cramer's V, in [0, 1].
    pub cramers_v: f64,
}

impl Crosstab {
    /// The table of `(row, column)` pairs; pairs beyond the table are left out.
    pub fn of(rows: usize, columns: usize, pairs: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut counts = vec![0; rows * columns];
        for (row, column) in pairs.into_iter().filter(|&(row, column)| row < rows && column < columns) {
            counts[row * columns + column] += 1;
        }
        Self { rows, columns, counts }
    }

    /// One count.
    fn at(&self, row: usize, column: usize) -> u64 {
        self.counts[row * self.columns + column]
    }

    /// The counts of one row.
    pub(crate) fn row(&self, row: usize) -> &[u64] {
        &self.counts[row * self.columns..(row + 1) * self.columns]
    }

    fn row_totals(&self) -> Vec<u64> {
        (0..self.rows).map(|row| self.row(row).iter().sum()).collect()
    }

    fn column_totals(&self) -> Vec<u64> {
        (0..self.columns).map(|column| (0..self.rows).map(|row| self.at(row, column)).sum()).collect()
    }

    /// Pearson's chi-squared test as it stands, equal to `scipy.stats.chi2_contingency(correction=False)`.
    pub fn chi_squared(&self) -> Association {
        let (rows, columns) = (self.row_totals(), self.column_totals());
        let n = rows.iter().sum::<u64>() as f64;
        let mut statistic = 0.0;
        for (r, &row) in rows.iter().enumerate() {
            for (c, &column) in columns.iter().enumerate().filter(|&(_, &column)| row > 0 && column > 0) {
                let expected = row as f64 * column as f64 / n;
                statistic += (self.at(r, c) as f64 - expected).powi(2) / expected;
            }
        }
        let filled = |totals: &[u64]| totals.iter().filter(|&&total| total > 0).count().saturating_sub(1);
        let (free_rows, free_columns) = (filled(&rows), filled(&columns));
        let shorter = free_rows.min(free_columns) as f64;
        let cramers_v = if shorter > 0.0 { (statistic / (n * shorter)).sqrt().min(1.0) } else { 0.0 };
        let freedom = free_rows * free_columns;
        Association { statistic, freedom, p_value: chi_squared_tail(statistic, freedom), cramers_v }
    }

    /// The test that suits the counts: rows are pooled, rarest first, until every expected count is at least 5 or two rows are
    /// left; a 2 x 2 table that is still too small gets Fisher's exact p-value, and a larger one with expected counts below 1
    /// none (1). Pooling looks at totals alone, so it does not bias the test. Cramer's V is that of the pooled table.
    pub fn association(&self) -> Association {
        let pooled = self.pooled();
        let mut association = pooled.chi_squared();
        let least = pooled.least_expected();
        match pooled.rows == 2 && pooled.columns == 2 {
            true if least < LEAST_EXPECTED => {
                let [a, b, c, d] = [pooled.counts[0], pooled.counts[1], pooled.counts[2], pooled.counts[3]];
                association.p_value = fisher_exact([[a, b], [c, d]]);
            }
            false if least < 1.0 => association.p_value = 1.0,
            _ => {}
        }
        association
    }

    /// phi of each row against all others, where there are two columns: positive where the row is commoner in the first.
    pub fn phi(&self) -> Vec<f64> {
        let column = |c: usize| (0..self.rows).map(|row| self.at(row, c)).sum::<u64>() as f64;
        let (first, second) = if self.columns == 2 { (column(0), column(1)) } else { (0.0, 0.0) };
        let phi = |row: usize| {
            let (a, b) = (self.at(row, 0) as f64, self.at(row, 1) as f64);
            let scale = ((a + b) * (first + second - a - b) * first * second).sqrt();
            if scale > 0.0 { (a * (second - b) - b * (first - a)) / scale } else { 0.0 }
        };
        if self.columns == 2 { (0..self.rows).map(phi).collect() } else { vec![0.0; self.rows] }
    }

    fn least_expected(&self) -> f64 {
        let least = |totals: Vec<u64>| totals.into_iter().min().unwrap_or(0) as f64;
        least(self.row_totals()) * least(self.column_totals()) / (self.counts.iter().sum::<u64>() as f64).max(1.0)
    }

    /// Without empty rows and columns, and with the rarest rows in one.
    fn pooled(&self) -> Self {
        let column_totals = self.column_totals();
        let columns: Vec<usize> = (0..self.columns).filter(|&column| column_totals[column] > 0).collect();
        let filled = self.row_totals().into_iter().enumerate().filter(|&(_, total)| total > 0);
        let mut rows: Vec<(u64, Vec<u64>)> =
            filled.map(|(row, total)| (total, columns.iter().map(|&column| self.at(row, column)).collect())).collect();
        // Stable: equal totals keep their order, which knows nothing of the columns.
        rows.sort_by_key(|row| std::cmp::Reverse(row.0));
        let n = rows.iter().map(|row| row.0).sum::<u64>() as f64;
        let least_column = columns.iter().map(|&column| column_totals[column]).min().unwrap_or(0) as f64;
        let few = |total: u64| (total as f64 * least_column) < LEAST_EXPECTED * n;
        let mut pool: Option<(u64, Vec<u64>)> = None;
        while let Some((total, counts)) = rows.pop_if(|row| few(row.0) || pool.as_ref().is_some_and(|pool| few(pool.0)))
        {
            let (pooled, sums) = pool.get_or_insert_with(|| (0, vec![0; columns.len()]));
            *pooled += total;
            sums.iter_mut().zip(&counts).for_each(|(sum, count)| *sum += count);
            if rows.len() < 2 {
                break;
            }
        }
        rows.extend(pool);
        let counts: Vec<u64> = rows.iter().flat_map(|(_, counts)| counts.iter().copied()).collect();
        Self { rows: rows.len(), columns: columns.len(), counts }
    }
}

/// Fisher's exact test of a 2 x 2 table, two-sided: the chance, with the margins as they are, of all tables that are no
/// likelier than this one. Equal to `scipy.stats.fisher_exact`. Takes time with the smallest margin.
pub fn fisher_exact([[a, b], [c, d]]: [[u64; 2]; 2]) -> f64 {
    let (first, second, inside) = (a + b, c + d, a + c);
    let whole = ln_choose(first + second, inside);
    let log = |x: u64| ln_choose(first, x) + ln_choose(second, inside - x) - whole;
    let bound = log(a) + 1e-7;
    let (low, high) = (inside.saturating_sub(second), inside.min(first));
    (low..=high).map(log).filter(|&p| p <= bound).map(f64::exp).sum::<f64>().min(1.0)
}

fn ln_choose(n: u64, k: u64) -> f64 {
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}
