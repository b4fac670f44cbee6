//! On pure noise nothing is claimed, up to the nominal rates.

use leap_binder::evaluate::SampleTable;
use leap_binder::explore::{
    DuplicateOptions, MislabeledOptions, OutlierOptions, data_leakage, duplication, mislabeled_samples,
    out_of_distribution,
};
use leap_binder::rng::SplitMix64;

use crate::common::{heavy, matrix, near, normals, table};

const ROWS: usize = 120;

/// Labels, probabilities, latents, hashes and patients that have nothing to do with one another.
fn noise(seed: u64) -> (SampleTable, Vec<Vec<f64>>) {
    let mut rng = SplitMix64::new(seed);
    let labels: Vec<usize> = (0..ROWS).map(|_| rng.below(3)).collect();
    let mut table = table(3, &labels);
    table.attributes = vec!["patient".to_owned()];
    for (place, row) in table.rows.iter_mut().enumerate() {
        let raised: Vec<f64> = normals(&mut rng, 3).iter().map(|z| (2.0 * z).exp()).collect();
        let sum: f64 = raised.iter().sum();
        row.probabilities = raised.iter().map(|value| value / sum).collect();
        row.attributes = vec![format!("p{place}")];
        row.fingerprint.bytes = Some(std::array::from_fn(|_| rng.next_u64() as u8));
        row.fingerprint.pixels = Some(std::array::from_fn(|_| rng.next_u64() as u8));
        // Half of the runs have no hashes, so that the latent space decides alone.
        row.fingerprint.perceptual = seed.is_multiple_of(2).then(|| std::array::from_fn(|_| rng.next_u64()));
    }
    let columns = [2, 5, 20][seed as usize % 3];
    let latents = (0..ROWS)
        .map(|_| if (seed / 6).is_multiple_of(2) { normals(&mut rng, columns) } else { heavy(&mut rng, columns) });
    let latents = latents.collect();
    (table, latents)
}

#[test]
fn nothing_is_claimed_of_noise() {
    let (runs, mut claims) = (200, [0; 5]);
    for seed in 0..runs {
        let (table, latents) = noise(seed);
        let neighbours = near(&latents);
        let options = DuplicateOptions::default();
        let found = [
            !duplication(&table, Some(&neighbours), &options).unwrap().is_empty(),
            !data_leakage(&table, Some(&neighbours), Some("patient"), &options).unwrap().is_empty(),
            !mislabeled_samples(&table, Some(&neighbours), &MislabeledOptions::default()).unwrap().is_empty(),
            out_of_distribution(&table, &matrix(&latents), &neighbours, &OutlierOptions::default()).unwrap().is_some(),
        ];
        found.iter().zip(&mut claims).for_each(|(&found, count)| *count += u32::from(found));
        claims[4] += u32::from(found.contains(&true));
    }
    println!(
        "{runs} runs on noise: duplication {}, leakage {}, labels {}, outliers {}, any {}",
        claims[0], claims[1], claims[2], claims[3], claims[4]
    );
    // The nominal rates are 1 % for pairs, 2 % for labels (two groups of samples), 5 % for outliers. A binomial count of 200 is
    // above these bounds in less than one run of a thousand.
    assert!(claims[0] <= 8 && claims[1] <= 8 && claims[2] <= 12 && claims[3] <= 21, "{claims:?}");
    assert!(claims[4] <= 21, "{claims:?}");
}
