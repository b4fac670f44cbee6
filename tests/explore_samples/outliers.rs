//! Planted outliers are found whole, alone and in clumps.

use leap_binder::contract::DataState;
use leap_binder::explore::{Evidence, OutlierOptions, out_of_distribution};
use leap_binder::rng::SplitMix64;

use crate::common::{matrix, near, normals, on_any_threads, sorted, table};

/// Normal clouds with every `step`-th row moved `far` away: to one place, give or take `spread`.
fn planted(seed: u64, rows: usize, columns: usize, step: usize, far: f64, spread: f64) -> (Vec<Vec<f64>>, Vec<usize>) {
    let mut rng = SplitMix64::new(seed);
    let mut direction = normals(&mut rng, columns);
    let length = direction.iter().map(|x| x * x).sum::<f64>().sqrt();
    direction.iter_mut().for_each(|x| *x *= far / length);
    let planted: Vec<usize> = (0..rows).step_by(step).collect();
    let row = |row: usize| {
        let own = normals(&mut rng, columns);
        if !row.is_multiple_of(step) {
            return own;
        }
        own.iter().zip(&direction).map(|(x, d)| spread * x + d).collect()
    };
    ((0..rows).map(row).collect(), planted)
}

#[test]
fn a_group_is_found_whole() {
    let (mut found, mut all, mut false_ones) = (0, 0, 0);
    for (seed, (columns, step, spread)) in
        [(5, 100, 1.0), (5, 100, 0.05), (5, 34, 0.05), (20, 100, 1.0), (20, 34, 1.0), (20, 34, 0.05)]
            .into_iter()
            .enumerate()
    {
        let (latents, planted) = planted(seed as u64, 600, columns, step, 14.0, spread);
        let (table, scores, neighbours) = (table(1, &[0; 600]), matrix(&latents), near(&latents));
        let insight = on_any_threads(|| {
            out_of_distribution(&table, &scores, &neighbours, &OutlierOptions::default()).unwrap().unwrap()
        });
        let Evidence::Scores { scores, .. } = &insight.evidence else { panic!("{insight:?}") };
        assert!(scores.is_sorted() && scores.len() == insight.samples.len());
        assert_eq!(insight.p_value, Some(scores[0]));
        found += planted.iter().filter(|row| insight.samples.contains(row)).count();
        false_ones += insight.samples.iter().filter(|row| !planted.contains(row)).count();
        all += planted.len();
    }
    println!("outliers at 14 standard deviations: {found} of {all} found, {false_ones} others");
    assert_eq!((found, false_ones), (all, 0));
}

#[test]
fn power_grows_with_distance() {
    let mut last = 0;
    for far in [6.0, 8.0, 10.0, 12.0] {
        let (mut found, mut all) = (0, 0);
        for seed in 0..10 {
            let (latents, planted) = planted(seed, 400, 8, 40, far, 0.3);
            let insight = out_of_distribution(
                &table(1, &[0; 400]),
                &matrix(&latents),
                &near(&latents),
                &OutlierOptions::default(),
            );
            let samples = insight.unwrap().map(|insight| insight.samples).unwrap_or_default();
            found += planted.iter().filter(|row| samples.contains(row)).count();
            all += planted.len();
        }
        println!("2.5 % in a clump, {far} standard deviations away in 8 dimensions: {found} of {all}");
        assert!(found >= last);
        last = found;
    }
    assert!(last >= 85);
}

#[test]
fn training_samples_are_the_measure() {
    // Half of the test subset is of another kind, a tenth of the table: it stands out against training alone.
    let mut rng = SplitMix64::new(9);
    let mut latents: Vec<_> = (0..500).map(|_| normals(&mut rng, 6)).collect();
    let mut table = table(1, &[0; 500]);
    for row in &mut table.rows {
        row.state = DataState::Training;
    }
    for (place, latent) in latents.iter_mut().enumerate().skip(400) {
        table.rows[place].state = DataState::Test;
        if place % 2 == 0 {
            latent.iter_mut().for_each(|value| *value = 7.0 + 0.1 * *value);
        }
    }
    let found =
        out_of_distribution(&table, &matrix(&latents), &near(&latents), &OutlierOptions::default()).unwrap().unwrap();
    assert_eq!(sorted(&found.samples), (400..500).step_by(2).collect::<Vec<_>>());
    assert!(found.sentence.starts_with("50 samples of 500 (10.0 %; 50 in test) lie further from the training samples"));
}

#[test]
fn references_may_be_drawn() {
    let (latents, planted) = planted(3, 1500, 6, 50, 14.0, 0.05);
    let options = OutlierOptions { references: 400, ..Default::default() };
    let found =
        out_of_distribution(&table(1, &[0; 1500]), &matrix(&latents), &near(&latents), &options).unwrap().unwrap();
    assert_eq!(sorted(&found.samples), planted);
}
