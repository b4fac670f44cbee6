use leap_binder::explore::statistics::*;
use leap_binder::metrics::Bootstrap;
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("../fixtures/explore_stats/statistics.json")).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    list(value).iter().map(|number| number.as_f64().unwrap()).collect()
}

fn whole(value: &Value) -> Vec<usize> {
    list(value).iter().map(|number| usize::try_from(number.as_u64().unwrap()).unwrap()).collect()
}

/// Equal up to 1e-10 of the expected number, or 1e-14: both sides round a few sums and series differently.
fn assert_close(found: f64, expected: &Value, what: &str) {
    let expected = expected.as_f64().unwrap();
    assert!((found - expected).abs() <= 1e-14 + 1e-10 * expected.abs(), "{what}: {found} is not {expected}");
}

#[test]
fn rank_tests_are_scipys() {
    for case in list(&golden()["pairs"]) {
        let name = case["name"].as_str().unwrap();
        let (a, b) = (numbers(&case["a"]), numbers(&case["b"]));
        let compared = mann_whitney(&a, &b);
        assert_close(compared.u, &case["u"], name);
        assert_close(compared.delta, &case["delta"], name);
        for (way, alternative) in
            [("two-sided", Alternative::TwoSided), ("greater", Alternative::Greater), ("less", Alternative::Less)]
        {
            assert_close(compared.asymptotic(alternative), &case["asymptotic"][way], &format!("{name}, {way}"));
            assert_close(compared.p_value(alternative), &case["automatic"][way], &format!("{name}, {way}, automatic"));
        }
    }
}

#[test]
fn kolmogorov_smirnov_is_scipys() {
    let mut exact = 0;
    for case in list(&golden()["pairs"]) {
        let name = case["name"].as_str().unwrap();
        let compared = kolmogorov_smirnov(&numbers(&case["a"]), &numbers(&case["b"]));
        assert_close(compared.distance, &case["ks"], name);
        let expected = if case["ks_exact"].is_null() { &case["ks_limit"] } else { &case["ks_exact"] };
        assert_close(compared.p_value, expected, name);
        exact += usize::from(!case["ks_exact"].is_null());
    }
    assert_eq!(exact, 8, "both branches are reached");
}

#[test]
fn contingency_tests_are_scipys() {
    for case in list(&golden()["tables"]) {
        let table: Vec<Vec<usize>> = list(&case["table"]).iter().map(whole).collect();
        let cell = |(r, c): (usize, usize)| std::iter::repeat_n((r, c), table[r][c]);
        let width = table[0].len();
        let cells = (0..table.len()).flat_map(|r| (0..width).map(move |c| (r, c)));
        let pairs: Vec<(usize, usize)> = cells.flat_map(cell).collect();
        let crosstab = Crosstab::of(table.len(), table[0].len(), pairs.iter().copied());
        let (what, found) = (case["table"].to_string(), crosstab.chi_squared());
        assert_close(found.statistic, &case["statistic"], &what);
        assert_eq!(found.freedom as u64, case["freedom"].as_u64().unwrap());
        assert_close(found.p_value, &case["p"], &what);
        assert_close(found.cramers_v, &case["v"], &what);
        let (rows, columns): (Vec<usize>, Vec<usize>) = pairs.into_iter().unzip();
        assert_close(mutual_information(&rows, &columns), &case["information"], &what);
        if !case["fisher"].is_null() {
            let cells =
                [[table[0][0], table[0][1]], [table[1][0], table[1][1]]].map(|row| row.map(|count| count as u64));
            assert_close(fisher_exact(cells), &case["fisher"], &what);
            // Without a correction, |phi| of a 2 x 2 table is its Cramer's V.
            assert_close(crosstab.phi()[0].abs(), &case["v"], &what);
            assert_eq!(crosstab.phi()[0], -crosstab.phi()[1]);
        }
    }
}

#[test]
fn small_tables_are_tested_exactly() {
    let tested = |counts: [[usize; 2]; 2]| {
        let cells = (0..4).flat_map(|cell| std::iter::repeat_n((cell / 2, cell % 2), counts[cell / 2][cell % 2]));
        Crosstab::of(2, 2, cells).association().p_value
    };
    assert!((tested([[0, 8], [5, 2]]) - fisher_exact([[0, 8], [5, 2]])).abs() < 1e-15);
    // Three rows of which two are rare: they are pooled, and the test is that of the pooled table.
    let rare = [(0, 0, 30), (0, 1, 10), (1, 0, 3), (1, 1, 9), (2, 0, 2), (2, 1, 8)];
    let pairs = |pool: bool| {
        let row = move |r: usize| if pool { r.min(1) } else { r };
        rare.into_iter().flat_map(move |(r, c, count)| std::iter::repeat_n((row(r), c), count))
    };
    let (pooled, whole) = (Crosstab::of(2, 2, pairs(true)), Crosstab::of(3, 2, pairs(false)));
    assert_eq!(whole.association(), pooled.chi_squared());
    assert_ne!(whole.association(), whole.chi_squared());
}

#[test]
fn correction_for_several_tests_is_scipys() {
    for case in list(&golden()["several"]) {
        let adjusted = benjamini_hochberg(&numbers(&case["p"]));
        adjusted
            .iter()
            .zip(list(&case["adjusted"]))
            .for_each(|(&found, expected)| assert_close(found, expected, "adjusted"));
    }
    assert!(benjamini_hochberg(&[]).is_empty());
}

#[test]
fn kruskal_wallis_is_scipys() {
    for case in list(&golden()["kruskal"]) {
        let groups: Vec<Vec<f64>> = list(&case["groups"]).iter().map(numbers).collect();
        let (h, p) = kruskal_wallis(&groups.iter().map(Vec::as_slice).collect::<Vec<_>>());
        assert_close(h, &case["h"], "H");
        assert_close(p, &case["p"], "p");
    }
}

/// scikit-learn adds noise to equal numbers, and without it finds nothing in them: it is held to where no two are equal, and
/// the formula of Gao et al. (2017), summed up the long way, everywhere.
#[test]
fn mutual_information_of_numbers_is_scikit_learns() {
    let mut compared = 0;
    let mut check = |values: &[f64], labels: &[usize], k: usize, theirs: &Value, what: &str| {
        let found = mutual_information_numeric(values, labels, k);
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        if sorted.windows(2).all(|two| two[0] < two[1]) {
            assert_close(found, theirs, what);
            compared += 1;
        }
        let expected = gao(values, labels, k);
        assert!((found - expected).abs() < 1e-9, "{what}: {found} is not {expected}");
    };
    for case in list(&golden()["information"]) {
        let (values, labels) = (numbers(&case["values"]), whole(&case["labels"]));
        let k = usize::try_from(case["k"].as_u64().unwrap()).unwrap();
        check(&values, &labels, k, &case["information"], &format!("{k} neighbours"));
    }
    for case in list(&golden()["pairs"]) {
        let (a, b) = (numbers(&case["a"]), numbers(&case["b"]));
        let classes: Vec<usize> = a.iter().map(|_| 0).chain(b.iter().map(|_| 1)).collect();
        check(&[a, b].concat(), &classes, 3, &case["information"], case["name"].as_str().unwrap());
    }
    assert!(compared >= 4, "{compared}");
}

/// Gao, Kannan, Oh, Viswanath, "Estimating Mutual Information for Discrete-Continuous Mixtures", 2017, for numbers and classes.
fn gao(values: &[f64], labels: &[usize], k: usize) -> f64 {
    use statrs::function::gamma::digamma;
    let size = |label: usize| labels.iter().filter(|&&other| other == label).count();
    let kept: Vec<usize> = (0..values.len()).filter(|&i| size(labels[i]) > 1).collect();
    let mut sum = 0.0;
    for &i in &kept {
        let mates = kept.iter().filter(|&&j| j != i && labels[j] == labels[i]);
        let mut distances: Vec<f64> = mates.map(|&j| (values[j] - values[i]).abs()).collect();
        distances.sort_by(f64::total_cmp);
        let k = k.min(distances.len());
        let radius = distances[k - 1];
        let within = |j: &&usize| {
            let distance = (values[**j] - values[i]).abs();
            if radius > 0.0 { distance < radius } else { distance == 0.0 }
        };
        let near = if radius > 0.0 { k } else { 1 + distances.iter().filter(|&&distance| distance == 0.0).count() };
        let all = kept.iter().filter(within).count();
        sum += digamma(near as f64) - digamma(size(labels[i]) as f64) - digamma(all as f64);
    }
    if kept.is_empty() { 0.0 } else { (digamma(kept.len() as f64) + sum / kept.len() as f64).max(0.0) }
}

#[test]
fn integers_that_tell_the_class_have_information() {
    let labels: Vec<usize> = (0..200).map(|i| i % 2).collect();
    let telling: Vec<f64> = labels.iter().map(|&label| (10 * label) as f64).collect();
    let found = mutual_information_numeric(&telling, &labels, 3);
    assert!((found - 2f64.ln()).abs() < 0.01, "{found}");
    let blind: Vec<f64> = (0..200).map(|i| (i / 2 % 5) as f64).collect();
    assert!(mutual_information_numeric(&blind, &labels, 3) < 0.02);
}

#[test]
fn nothing_is_claimed_of_nothing() {
    for (a, b) in [(&[][..], &[1.0, 2.0][..]), (&[], &[]), (&[3.0; 5], &[3.0; 4])] {
        let compared = mann_whitney(a, b);
        assert_eq!((compared.delta, compared.p_value(Alternative::TwoSided)), (0.0, 1.0));
        let distance = kolmogorov_smirnov(a, b);
        assert_eq!((distance.distance, distance.p_value), (0.0, 1.0));
        assert_eq!(kruskal_wallis(&[a, b]), (0.0, 1.0));
    }
    assert_eq!(mutual_information(&[], &[]), 0.0);
    assert_eq!(mutual_information_numeric(&[1.0], &[0], 3), 0.0);
    for crosstab in [Crosstab::of(0, 0, []), Crosstab::of(2, 2, []), Crosstab::of(2, 2, [(0, 0), (0, 1)])] {
        assert_eq!((crosstab.association().p_value, crosstab.association().cramers_v), (1.0, 0.0));
    }
}

#[test]
fn difference_of_means_has_its_interval() {
    let (first, second): (Vec<f64>, Vec<f64>) =
        ((0..200).map(|i| f64::from(i % 10) + 2.0).collect(), (0..300).map(|i| f64::from(i % 10)).collect());
    let found = difference_of_means(&first, &second, &Bootstrap::default()).unwrap();
    assert!((found.value.unwrap() - 2.0).abs() < 1e-12);
    // The standard error is sqrt(8.25 / 200 + 8.25 / 300) = 0.262; the normal interval reaches 0.514 to both sides. The
    // ends of 1,000 resamples stray from it by some 0.03.
    assert!((found.low.unwrap() - 1.486).abs() < 0.06 && (found.high.unwrap() - 2.514).abs() < 0.06, "{found:?}");
    let reversed: Vec<f64> = first.iter().rev().copied().collect();
    assert_eq!(difference_of_means(&reversed, &second, &Bootstrap::default()).unwrap(), found);
    assert_eq!(difference_of_means(&[], &second, &Bootstrap::default()).unwrap().value, None);
    assert!(difference_of_means(&first, &second, &Bootstrap { level: 1.0, ..Bootstrap::default() }).is_err());
}
