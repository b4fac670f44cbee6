//! Little, odd and wrong input is handled, or refused with its reason.

use leap_binder::evaluate::{SampleRow, SampleTable};
use leap_binder::explore::{
    DuplicateOptions, Insight, Matrix, Metric, MislabeledOptions, Neighbours, OutlierOptions, data_leakage,
    duplication, mislabeled_samples, out_of_distribution,
};
use leap_binder::rng::SplitMix64;

use crate::common::{matrix, near, normals, table};

fn all(table: &SampleTable, latents: &Matrix, neighbours: &Neighbours) -> Vec<Insight> {
    let (pairs, labels) = (DuplicateOptions::default(), MislabeledOptions::default());
    let mut found = duplication(table, Some(neighbours), &pairs).unwrap();
    found.extend(duplication(table, None, &pairs).unwrap());
    found.extend(data_leakage(table, Some(neighbours), None, &pairs).unwrap());
    found.extend(mislabeled_samples(table, Some(neighbours), &labels).unwrap());
    found.extend(mislabeled_samples(table, None, &labels).unwrap());
    found.extend(out_of_distribution(table, latents, neighbours, &OutlierOptions::default()).unwrap());
    found
}

#[test]
fn few_samples_give_nothing() {
    for rows in 0..6 {
        for columns in 0..3 {
            let mut rng = SplitMix64::new(rows as u64);
            let latents = (0..rows).map(|_| normals(&mut rng, columns)).collect::<Vec<_>>();
            let latents = matrix(&latents);
            let neighbours = Neighbours::of(&latents, 10, Metric::Euclidean);
            for labels in [vec![0; rows], (0..rows).map(|row| row % 2).collect()] {
                assert_eq!(all(&table(2, &labels), &latents, &neighbours), []);
            }
        }
    }
}

#[test]
fn constant_latents_no_labels_and_one_class_give_nothing() {
    let labels: Vec<usize> = (0..150).map(|row| row % 3).collect();
    for latents in [vec![vec![1.0, 2.0]; 150], vec![vec![]; 150]] {
        assert_eq!(all(&table(3, &labels), &matrix(&latents), &near(&latents)), []);
    }
    let mut rng = SplitMix64::new(1);
    let latents: Vec<_> = (0..150).map(|_| normals(&mut rng, 4)).collect();
    assert_eq!(all(&table(1, &[0; 150]), &matrix(&latents), &near(&latents)), []);
    assert_eq!(all(&table(3, &[2; 150]), &matrix(&latents), &near(&latents)), []);
    let mut unlabelled = table(3, &labels);
    unlabelled.rows.iter_mut().for_each(|row| row.label = None);
    assert_eq!(all(&unlabelled, &matrix(&latents), &near(&latents)), []);
    // Classes that are named but have no probabilities of others: no model, no claim.
    assert_eq!(all(&SampleTable::new(["a"; 0]), &matrix(&[]), &near(&[])), []);
}

#[test]
fn hostile_names_are_cut_and_kept_as_they_are() {
    let name = format!("<script>{}", "\u{e4}".repeat(10_000));
    let mut table = table(2, &[0; 10]);
    table.attributes = vec![name.clone()];
    table.rows.iter_mut().for_each(|row| row.attributes = vec![name.clone()]);
    let found = data_leakage(&table, None, Some(&name), &DuplicateOptions::default()).unwrap();
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|insight| insight.sentence.len() < 400 && insight.title.contains("<script>")));
    let error = data_leakage(&table, None, Some(&name[1..]), &DuplicateOptions::default()).unwrap_err().to_string();
    assert!(error.len() < 400, "{error}");
    // Rows that lack the attribute have no patient.
    table.rows.iter_mut().for_each(|row| row.attributes.clear());
    assert_eq!(data_leakage(&table, None, Some(&name), &DuplicateOptions::default()).unwrap(), []);
}

#[test]
fn what_does_not_fit_is_refused() {
    let latents = vec![vec![0.0, 1.0]; 3];
    let (table, wrong) = (table(2, &[0, 1, 0, 1]), near(&latents));
    let right = near(&[&latents[..], &[vec![3.0, 1.0]]].concat());
    let says = |error: leap_binder::Error, text: &str| assert!(error.to_string().contains(text), "{error}");
    says(duplication(&table, Some(&wrong), &DuplicateOptions::default()).unwrap_err(), "4 rows");
    says(data_leakage(&table, Some(&wrong), None, &DuplicateOptions::default()).unwrap_err(), "4 rows");
    says(mislabeled_samples(&table, Some(&wrong), &MislabeledOptions::default()).unwrap_err(), "4 rows");
    says(out_of_distribution(&table, &matrix(&latents), &right, &OutlierOptions::default()).unwrap_err(), "4 rows");
    let mut strange = right.clone();
    strange.indices[0][0] = 9;
    says(duplication(&table, Some(&strange), &DuplicateOptions::default()).unwrap_err(), "4 rows");

    let pairs = DuplicateOptions { hamming: 64, ..Default::default() };
    says(duplication(&table, None, &pairs).unwrap_err(), "hamming");
    let pairs = DuplicateOptions { alpha: f64::NAN, ..Default::default() };
    says(duplication(&table, None, &pairs).unwrap_err(), "alpha");
    let labels = MislabeledOptions { threshold: 0.0, ..Default::default() };
    says(mislabeled_samples(&table, None, &labels).unwrap_err(), "threshold");
    let outliers = OutlierOptions { mass: 0.5, ..Default::default() };
    let scores = matrix(&vec![vec![0.0]; 4]);
    says(out_of_distribution(&table, &scores, &right, &outliers).unwrap_err(), "mass");

    let mut odd = table.clone();
    odd.rows[2].probabilities[1] = f64::NAN;
    says(mislabeled_samples(&odd, None, &MislabeledOptions::default()).unwrap_err(), "row 2");
    odd.rows[2] = SampleRow::new("short", odd.rows[2].state, vec![1.0]);
    says(mislabeled_samples(&odd, None, &MislabeledOptions::default()).unwrap_err(), "row 2");
    let mut odd = table;
    odd.rows[3].label = Some(7);
    says(mislabeled_samples(&odd, None, &MislabeledOptions::default()).unwrap_err(), "7 in row 3");
}
