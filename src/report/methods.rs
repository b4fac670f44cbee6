//! What an exploration says about itself, in the report's words.

use super::study::StudyOptions;
use super::{ClusterFacts, MethodNote, Picture, Shortcut};
use crate::Result;
use crate::evaluate::SampleTable;
use crate::explore::{ClusterMethod, Clustering, Columns, Difference, Exploration, Projection};
use crate::metrics::Bootstrap;

/// Shortcuts that are listed.
const SHORTCUTS: usize = 20;

/// What sets a cluster apart: so many columns are named.
const FEATURES: usize = 4;

/// How the map was made, in a line.
pub(super) fn map_note(projection: &Projection) -> String {
    let share: f64 = projection.pca.explained_variance_ratio.iter().sum();
    let pca = format!("{} principal components with {:.1} % of the variance", projection.pca.dimensions, 100.0 * share);
    let quality = projection.quality.as_ref().map_or(String::new(), |quality| {
        format!("; trustworthiness {:.3}, continuity {:.3}", quality.trustworthiness, quality.continuity)
    });
    match (projection.perplexity, projection.kl_divergence) {
        (Some(perplexity), Some(kl)) => {
            format!("t-SNE at perplexity {perplexity:.1} on {pca}; Kullback-Leibler divergence {kl:.3}{quality}")
        }
        _ => format!("the first two of {pca}{quality}"),
    }
}

/// The best single columns.
pub(super) fn shortcuts(exploration: &Exploration) -> Vec<Shortcut> {
    let chance = exploration.shortcuts.chance;
    let ranked = exploration.shortcuts.ranked.iter().take(SHORTCUTS);
    ranked
        .map(|shortcut| Shortcut {
            column: shortcut.column.clone(),
            measure: "balanced accuracy".to_owned(),
            score: shortcut.balanced_accuracy,
            chance,
            low: None,
            high: None,
            p_adjusted: Some(shortcut.p_adjusted),
        })
        .collect()
}

/// Purity and stability of the clusters, and the metadata that set each apart from all other samples.
///
/// # Errors
/// As [`Columns::of`].
pub(super) fn cluster_facts(table: &SampleTable, clusters: &Clustering) -> Result<Vec<ClusterFacts>> {
    let columns = Columns::of(table)?;
    (0..clusters.sizes.len())
        .map(|cluster| {
            let (inside, outside): (Vec<usize>, Vec<usize>) =
                (0..clusters.labels.len()).partition(|&row| clusters.labels[row] == Some(cluster));
            let differences = columns.differences(&inside, &outside)?;
            Ok(ClusterFacts {
                cluster,
                purity: clusters.purity.as_ref().and_then(|purity| purity.clusters.get(cluster).copied().flatten()),
                silhouette: None,
                stability: clusters.stability.get(cluster).copied(),
                features: differences.iter().take(FEATURES).map(|one| (one.column.clone(), feature(one))).collect(),
            })
        })
        .collect()
}

/// `image_mean 141.2 against 120.9`.
fn feature(difference: &Difference) -> String {
    let Difference { column, category, inside, outside, .. } = difference;
    match category {
        Some(category) => format!("{column} {category}: {:.0} % against {:.0} %", 100.0 * inside, 100.0 * outside),
        None => format!("{column} {} against {}", short(*inside), short(*outside)),
    }
}

fn short(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

/// How each part was computed.
pub(super) fn notes(exploration: &Exploration, pictures: &[Picture], options: &StudyOptions<'_>) -> Vec<MethodNote> {
    let mut notes = Vec::new();
    let explore = &options.explore;
    if let Some(latent) = &exploration.latent {
        let projection = &latent.projection;
        let method = match projection.perplexity {
            Some(_) => {
                "t-SNE with the Barnes-Hut approximation on the leading principal components, begun at the first two of \
                 them. Who is near whom means much on it, the distance between far groups little."
            }
            None => "The first two principal components.",
        };
        notes.push(note(
            "Population map",
            method,
            vec![
                ("principal components", projection.pca.dimensions.to_string()),
                ("perplexity", projection.perplexity.map_or("none".to_owned(), |value| format!("{value:.1}"))),
                ("iterations", explore.projection.iterations.to_string()),
                ("seed", explore.projection.seed.to_string()),
            ],
            "van der Maaten, Hinton, 2008; van der Maaten, 2014; trustworthiness and continuity: Venna, Kaski, 2001",
        ));
        let clusters = latent.groups();
        notes.push(note(
            "Clusters",
            "HDBSCAN on the leading principal components, where samples in no dense place are noise; k-means, with the number of \
             clusters by silhouette, where that finds no two clusters or calls more than a third noise. Stability is the mean Jaccard \
             index of a cluster and its best match in resamples.",
            vec![
                ("principal components", clusters.dimensions.to_string()),
                ("method", cluster_method(&clusters.method)),
                ("silhouette", clusters.silhouette.map_or("none".to_owned(), |value| format!("{value:.3}"))),
                ("Davies-Bouldin", clusters.davies_bouldin.map_or("none".to_owned(), |value| format!("{value:.3}"))),
                ("resamples", explore.clusters.resamples.to_string()),
            ],
            "Campello, Moulavi, Sander, 2013; Rousseeuw, 1987; Davies, Bouldin, 1979; Hennig, 2007",
        ));
        let neighbours = latent.neighbours.indices.first().map_or(0, Vec::len);
        notes.push(note(
            "Similar samples",
            "The exact nearest neighbours in the latent space.",
            vec![("neighbours", neighbours.to_string()), ("metric", format!("{:?}", explore.metric).to_lowercase())],
            "",
        ));
    }
    notes.push(note(
        "Insights",
        "Each p-value is corrected for everything that was looked at in its family, and the level is shared among the families, so that \
         where there is nothing to be found at most that share of tables gives a finding. Equal files and shared patients are facts and need no test.",
        vec![
            ("level", explore.insights.level.to_string()),
            ("fewest samples of a group", explore.insights.fewest.to_string()),
            ("least effect", explore.insights.least_effect.to_string()),
        ],
        "Benjamini, Hochberg, 1995; Mann, Whitney, 1947; Cliff, 1993; Northcutt, Jiang, Chuang, 2021; Bates et al., 2023",
    ));
    notes.push(note(
        "Shortcuts",
        "How well a single metadata column tells the label, by cross-validation on intervals between its quantiles or on its categories.",
        vec![("folds", explore.shortcuts.folds.to_string()), ("seed", explore.shortcuts.seed.to_string())],
        "",
    ));
    let pictures = pictures.iter().filter(|picture| !picture.heat_maps.is_empty()).count();
    notes.push(note(
        "Heat maps",
        "What the model reacts to, which need not be what is in the image. Deletion and insertion: area under the curve of the probability while the \
         hottest pixels are taken away or put in; a map says something where deletion is low and insertion is high.",
        vec![("method", options.method.name().to_owned()), ("samples", pictures.to_string())],
        "Selvaraju et al., 2017; Petsiuk, Das, Saenko, 2018; Adebayo et al., 2018",
    ));
    let Bootstrap { resamples, seed, level } = options.bootstrap;
    notes.push(note(
        "Intervals of metrics",
        "Percentile bootstrap over samples.",
        vec![("level", level.to_string()), ("resamples", resamples.to_string()), ("seed", seed.to_string())],
        "Efron, Tibshirani, 1993",
    ));
    notes
}

fn cluster_method(method: &ClusterMethod) -> String {
    match method {
        ClusterMethod::Hdbscan { min_cluster_size, min_samples } => {
            format!("HDBSCAN, min_cluster_size {min_cluster_size}, min_samples {min_samples}")
        }
        ClusterMethod::KMeans { clusters, restarts, .. } => format!("k-means, {clusters} clusters, {restarts} starts"),
    }
}

pub(super) fn note(name: &str, text: &str, parameters: Vec<(&str, String)>, source: &str) -> MethodNote {
    MethodNote {
        name: name.to_owned(),
        text: text.to_owned(),
        parameters: parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        source: source.to_owned(),
    }
}
