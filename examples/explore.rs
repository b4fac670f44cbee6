//! Where a model fails and why, one function after the other: `cargo run --release --example explore`

use leap_binder::contract::DataState;
use leap_binder::evaluate::{SampleRow, SampleTable};
use leap_binder::explore::{
    ClusterOptions, Clustering, ExploreOptions, Matrix, Metric, Projection, ProjectionOptions, ShortcutOptions,
    differences, explore, shortcuts, similar,
};
use leap_binder::rng::SplitMix64;

fn main() -> leap_binder::Result<()> {
    let table = cats_and_dogs();
    let latents = Matrix::from_rows(table.rows.iter().map(|row| &row.latent))?;

    let map = Projection::fit(&latents, &ProjectionOptions::default())?;
    let [trustworthiness, continuity] = [map.trustworthiness, map.continuity].map(|value| value.unwrap_or(f64::NAN));
    println!("map of {} samples: trustworthiness {trustworthiness:.3}, continuity {continuity:.3}", map.points.len());

    let labels: Vec<Option<usize>> = table.rows.iter().map(|row| row.label).collect();
    let clusters = Clustering::kmeans(map.scores(), &ClusterOptions::default())?.with_labels(&labels, 10)?;
    println!("\nclusters of {:?} samples, stability {:.2?}", clusters.sizes, clusters.stability);

    let close = similar(&latents, &[0], 3, Metric::Euclidean, |row| table.rows[row].state == DataState::Test)?;
    println!("\nmost like {} in test:", table.rows[0].id);
    for (row, distance) in close {
        println!("  {} at {distance:.2}", table.rows[row].id);
    }

    let [cats, dogs] =
        [0, 1].map(|class| (0..labels.len()).filter(|&row| labels[row] == Some(class)).collect::<Vec<_>>());
    println!("\ncats against dogs:");
    for difference in differences(&table, &cats, &dogs)? {
        let (column, inside, outside) = (&difference.column, difference.inside, difference.outside);
        println!("  {column}: {inside:.2} against {outside:.2}, effect {:+.2}", difference.effect);
    }

    println!("\nwhat metadata alone tells of the label:");
    for shortcut in shortcuts(&table, &ShortcutOptions::default())?.ranked {
        println!(
            "  {}: balanced accuracy {:.2}, p {:.1e}",
            shortcut.column, shortcut.balanced_accuracy, shortcut.p_adjusted
        );
    }

    // All of it, and what stands out, in one call.
    println!("\ninsights:");
    for insight in explore(&table, &ExploreOptions::seeded(1), &())?.insights {
        println!("  {:.2} {}: {}", insight.severity, insight.kind, insight.sentence);
    }
    Ok(())
}

/// 300 pictures that never were: dogs are photographed outdoors, and dark pictures are hard for the model.
fn cats_and_dogs() -> SampleTable {
    let mut rng = SplitMix64::new(1);
    let mut table = SampleTable::new(["cat", "dog"]);
    table.losses = vec!["cross_entropy".to_owned()];
    table.metadata = ["brightness", "place", "width"].map(str::to_owned).to_vec();
    for id in 0..300 {
        let class = id % 2;
        let dark = rng.below(10) == 0;
        let right = if dark { 0.2 + 0.5 * even(&mut rng) } else { 0.75 + 0.2 * even(&mut rng) };
        let probabilities = if class == 0 { vec![right, 1.0 - right] } else { vec![1.0 - right, right] };
        let state = if id % 3 == 0 { DataState::Test } else { DataState::Training };
        let mut row = SampleRow::new(format!("picture {id}"), state, probabilities);
        row.label = Some(class);
        row.losses = vec![Some(-right.ln() as f32)];
        let outdoors = rng.below(10) < if class == 1 { 9 } else { 2 };
        let brightness = if dark { 30.0 } else { 120.0 } + 20.0 * normal(&mut rng);
        let place = if outdoors { "outdoors" } else { "indoors" };
        row.metadata = vec![brightness.into(), place.into(), (400 + rng.below(600) as i64).into()];
        row.latent = (0..8).map(|at| (normal(&mut rng) + if at == class { 5.0 } else { 0.0 }) as f32).collect();
        table.rows.push(row);
    }
    table
}

/// Even in (0, 1).
fn even(rng: &mut SplitMix64) -> f64 {
    ((rng.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

/// Standard normal (Box and Muller).
fn normal(rng: &mut SplitMix64) -> f64 {
    (-2.0 * even(rng).ln()).sqrt() * (std::f64::consts::TAU * even(rng)).cos()
}
