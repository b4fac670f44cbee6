//! Planted copies, within subsets and across, are found and nothing else is.

use leap_binder::contract::DataState;
use leap_binder::evaluate::SampleTable;
use leap_binder::explore::{DuplicateOptions, Evidence, Insight, InsightKind, Pair, data_leakage, duplication};
use leap_binder::rng::SplitMix64;
use proptest::prelude::*;

use crate::common::{hashed, near, normals, on_any_threads, picture, sorted, table, touched};

/// 200 pictures with latents; `copies` are `(from, to, exact)`.
fn planted(copies: &[(usize, usize, bool)]) -> (SampleTable, Vec<Vec<f64>>) {
    let mut rng = SplitMix64::new(11);
    let mut pictures: Vec<_> = (0..200).map(|_| picture(&mut rng, 48)).collect();
    let mut latents: Vec<_> = (0..200).map(|_| normals(&mut rng, 6)).collect();
    for &(from, to, exact) in copies {
        pictures[to] = if exact { pictures[from].clone() } else { touched(&pictures[from], &mut rng) };
        latents[to] = latents[from].clone();
        if !exact {
            latents[to].iter_mut().for_each(|value| *value += 0.01);
        }
    }
    let mut table = table(2, &[0; 200]);
    table.attributes = vec!["patient".to_owned()];
    for (place, row) in table.rows.iter_mut().enumerate() {
        row.fingerprint = hashed(&pictures[place]);
        row.attributes = vec![format!("p{place}")];
    }
    (table, latents)
}

fn pairs(insight: &Insight) -> (&[Pair], usize) {
    match &insight.evidence {
        Evidence::Pairs { pairs, total } => (pairs, *total),
        other => panic!("{other:?}"),
    }
}

// Rows 0, 1, 2 of each five are training, 3 validation, 4 test.
const COPIES: [(usize, usize, bool); 7] =
    [(0, 5, true), (0, 11, true), (24, 29, true), (40, 51, false), (60, 63, true), (70, 74, false), (80, 84, true)];

#[test]
fn copies_in_a_subset_are_found() {
    let (mut table, latents) = planted(&COPIES);
    table.rows[11].label = Some(1);
    for neighbours in [Some(near(&latents)), None] {
        let found = duplication(&table, neighbours.as_ref(), &DuplicateOptions::default()).unwrap();
        let [equal, alike] = &found[..] else { panic!("{found:?}") };
        assert!(found.iter().all(|insight| insight.kind == InsightKind::Duplication && insight.p_value.is_none()));
        assert_eq!(sorted(&equal.samples), [0, 5, 11, 24, 29]);
        assert_eq!(sorted(&alike.samples), [40, 51]);
        let (listed, total) = pairs(equal);
        let ends: Vec<_> = listed.iter().map(|pair| (pair.a, pair.b, pair.by, pair.distance)).collect();
        assert_eq!((ends, total), (vec![(0, 5, "pixels", 0.0), (0, 11, "pixels", 0.0), (24, 29, "pixels", 0.0)], 3));
        assert_eq!((pairs(alike).0[0].a, pairs(alike).0[0].b, pairs(alike).0[0].by), (40, 51, "perceptual"));
        let expected = "5 samples (3 in training, 2 in test) have the same bytes or pixels as another one of their subset, in \
                        2 groups, the largest of 3: 1.5 % of all samples could be left out. 1 of the groups carries \
                        different labels.";
        assert_eq!(equal.sentence, expected);
        assert!((equal.severity - (3.0_f64 / 200.0).sqrt()).abs() < 1e-12);
    }
}

#[test]
fn copies_across_subsets_are_found() {
    let (table, latents) = planted(&COPIES);
    let found = data_leakage(&table, Some(&near(&latents)), None, &DuplicateOptions::default()).unwrap();
    let titles: Vec<&str> = found.iter().map(|insight| insight.title.as_str()).collect();
    let expected = [
        ("Equal samples in training and validation", 63),
        ("Equal samples in training and test", 84),
        ("Near duplicates in training and test", 74),
    ];
    assert_eq!(titles, expected.map(|(title, _)| title));
    for (insight, (_, row)) in found.iter().zip(expected) {
        assert_eq!(insight.samples, [row]);
        assert_eq!(pairs(insight).1, 1);
        assert!((insight.severity - (1.0_f64 / 40.0).sqrt()).abs() < 1e-12);
    }
    assert_eq!(
        found[0].sentence,
        "1 of 40 samples in validation (2.5 %) have the same bytes or pixels as samples of training, in 1 group."
    );
}

#[test]
fn equal_bytes_are_found_without_pictures() {
    let mut table = table(2, &[0; 20]);
    for (place, row) in table.rows.iter_mut().enumerate() {
        row.fingerprint.bytes = Some([if place == 7 { 2 } else { place as u8 }; 32]);
    }
    let found = duplication(&table, None, &DuplicateOptions::default()).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((pairs(&found[0]).0[0].by, &found[0].samples[..]), ("bytes", &[2, 7][..]));
}

#[test]
fn patients_in_two_subsets_are_found_and_blanks_are_nobody() {
    let (mut table, _) = planted(&[]);
    for (row, patient) in
        [(10, "x"), (14, "x"), (19, "x"), (20, "y"), (21, "y"), (33, ""), (34, ""), (36, "  "), (39, "  ")]
    {
        table.rows[row].attributes = vec![patient.to_owned()];
    }
    // The model is right on every leaked sample, and on half of the others.
    for row in &mut table.rows {
        row.prediction = usize::from(matches!(row.id.to_string()[1..].parse::<usize>().unwrap() / 5 % 2, 1));
    }
    for row in [4, 9, 24, 29, 44] {
        table.rows[row].attributes = vec!["z".to_owned()];
        table.rows[row].prediction = 0;
    }
    table.rows[12].attributes = vec!["z".to_owned()];
    let found = data_leakage(&table, None, Some("patient"), &DuplicateOptions::default()).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].samples, [4, 9, 14, 19, 24, 29, 44]);
    assert!(found[0].sentence.starts_with(
        "7 of 40 samples in test (17.5 %) share their patient with samples of training, in 2 groups. The model is right on"
    ));
    let gap = found[0].gap.as_ref().unwrap();
    assert!(
        (gap.inside - gap.outside - gap.difference).abs() < 1e-12
            && gap.low <= gap.difference
            && gap.difference <= gap.high
    );
    assert!(
        pairs(&found[0]).0.iter().all(|pair| pair.by == "attribute" && table.rows[pair.a].state == DataState::Training)
    );
    assert!(
        data_leakage(&table, None, Some("hospital"), &DuplicateOptions::default())
            .unwrap_err()
            .to_string()
            .contains("hospital")
    );
}

#[test]
fn close_latents_are_found_without_pictures() {
    let mut rng = SplitMix64::new(21);
    let mut latents: Vec<_> = (0..400).map(|_| normals(&mut rng, 8)).collect();
    for pair in 0..5 {
        latents[5 * pair + 200] = latents[5 * pair].iter().map(|value| value + 0.01).collect();
    }
    let table = table(2, &[0; 400]);
    let found = on_any_threads(|| duplication(&table, Some(&near(&latents)), &DuplicateOptions::default()).unwrap());
    assert_eq!(found.len(), 1, "{found:?}");
    let expected: Vec<usize> = (0..5).map(|pair| 5 * pair).chain((0..5).map(|pair| 5 * pair + 200)).collect();
    assert_eq!(sorted(&found[0].samples), expected);
    assert!(pairs(&found[0]).0.iter().all(|pair| pair.by == "latent"));
}

#[test]
fn pictures_that_differ_are_not_the_same_for_near_latents() {
    let (table, mut latents) = planted(&[]);
    latents[51] = latents[40].iter().map(|value| value + 1e-4).collect();
    assert_eq!(duplication(&table, Some(&near(&latents)), &DuplicateOptions::default()).unwrap(), []);
}

#[test]
fn long_lists_are_cut_and_counted() {
    let mut table = table(1, &[0; 100]);
    table.rows.iter_mut().for_each(|row| row.fingerprint.pixels = Some([1; 32]));
    let options = DuplicateOptions { listed: 7, ..Default::default() };
    let found = duplication(&table, None, &options).unwrap();
    assert_eq!((pairs(&found[0]).0.len(), pairs(&found[0]).1, found[0].samples.len()), (7, 97, 100));
}

proptest! {
    /// The search by parts of hashes finds what comparing each with each does.
    #[test]
    fn no_near_hash_is_missed(seed in any::<u64>(), bits in 0u32..=63) {
        let mut rng = SplitMix64::new(seed);
        let mut table = table(1, &[0; 40]);
        let mut hashes: Vec<[u64; 4]> = Vec::new();
        for row in &mut table.rows {
            row.state = DataState::Test;
            let mut hash = match hashes.len() {
                0..4 => std::array::from_fn(|_| rng.next_u64()),
                known => hashes[rng.below(known)],
            };
            for _ in 0..rng.below(2 * bits as usize + 2) {
                let bit = rng.below(256);
                hash[bit / 64] ^= 1 << (bit % 64);
            }
            hashes.push(hash);
            row.fingerprint.perceptual = Some(hash);
        }
        let options = DuplicateOptions { hamming: bits, ..Default::default() };
        let found = duplication(&table, None, &options).unwrap();
        let found: Vec<usize> = found.first().map(|insight| sorted(&insight.samples)).unwrap_or_default();
        let apart = |a: &[u64; 4], b: &[u64; 4]| (0..256).filter(|bit| (a[bit / 64] ^ b[bit / 64]) >> (bit % 64) & 1 == 1).count();
        let expected: Vec<usize> = (0..40).filter(|&a| (0..40).any(|b| a != b && apart(&hashes[a], &hashes[b]) <= bits as usize)).collect();
        prop_assert_eq!(found, expected);
    }
}
