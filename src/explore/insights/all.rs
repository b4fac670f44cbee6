use super::accuracy_gap::gap;
use super::{
    Context, DuplicateOptions, Evidence, Insight, InsightKind, InsightOptions, MislabeledOptions, OutlierOptions,
    data_leakage, domain_gap, duplication, low_performance, mislabeled_samples, out_of_distribution,
};
use crate::Result;
use crate::evaluate::SampleTable;
use crate::explore::Columns;
use crate::explore::exploration::{ExploreOptions, LatentSpace};

/// What each family of tests gets of the level, so that all together keep to it (Bonferroni).
const GROUPS: f64 = 0.5;
const OUTLIERS: f64 = 0.25;
const LABELS: f64 = 0.125;
const TWINS: f64 = 0.125;

/// All six kinds of insight, the most severe first.
pub(in crate::explore) fn all(
    table: &SampleTable,
    columns: &Columns,
    latent: Option<&LatentSpace>,
    options: &ExploreOptions,
) -> Result<Vec<Insight>> {
    let InsightOptions { level, bootstrap, .. } = options.insights;
    let neighbours = latent.map(|latent| &latent.neighbours);
    let scores = latent.map(|latent| latent.projection.scores());
    let clusters = latent.map_or(&[][..], |latent| &latent.groups().labels);

    let groups = InsightOptions { level: level * GROUPS, ..options.insights };
    let context = Context::new(table, columns, clusters, scores, groups)?;
    let mut found: Vec<Insight> = shared(GROUPS, low_performance(&context)?).collect();
    found.extend(shared(GROUPS, domain_gap(&context)?));

    if let Some(latent) = latent {
        let outliers = OutlierOptions { level: level * OUTLIERS, seed: bootstrap.seed, ..OutlierOptions::default() };
        let insight = out_of_distribution(table, latent.projection.scores(), &latent.neighbours, &outliers)?;
        found.extend(shared(OUTLIERS, insight));
    }
    let labels = MislabeledOptions { alpha: level * LABELS, seed: bootstrap.seed, ..MislabeledOptions::default() };
    found.extend(shared(LABELS, mislabeled_samples(table, neighbours, &labels)?));

    let twins = DuplicateOptions { alpha: level * TWINS, ..DuplicateOptions::default() };
    let patient = table.attributes.contains(&options.patient).then_some(options.patient.as_str());
    found.extend(duplication(table, neighbours, &twins)?);
    found.extend(data_leakage(table, neighbours, patient, &twins)?);

    let losses = context.losses();
    for insight in &mut found {
        // The other two have said what sets their groups apart.
        if !matches!(insight.kind, InsightKind::LowPerformance | InsightKind::DomainGap) {
            let (inside, outside) = sides(table.rows.len(), &insight.samples);
            insight.differences = columns.differences(&firsts(insight, &inside), &outside)?;
            if insight.gap.is_none() {
                let losses = [inside, outside].map(|rows| known(&losses, &rows));
                insight.gap = gap(context.loss_name(), &losses, &bootstrap);
            }
        }
    }
    found.sort_by(|a, b| b.severity.total_cmp(&a.severity).then(a.kind.cmp(&b.kind)).then(a.samples.cmp(&b.samples)));
    Ok(found)
}

/// Corrects p-values for the family's share of the level.
fn shared(share: f64, insights: impl IntoIterator<Item = Insight>) -> impl Iterator<Item = Insight> {
    insights.into_iter().map(move |mut insight| {
        insight.p_adjusted = insight.p_adjusted.map(|p| (p / share).min(1.0));
        insight
    })
}

/// Some samples and all others.
fn sides(rows: usize, samples: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let mut inside = vec![false; rows];
    samples.iter().for_each(|&sample| inside[sample] = true);
    (0..rows).partition(|&row| inside[row])
}

/// Of copies only the first: what is the same twice is not two pieces of evidence.
fn firsts(insight: &Insight, samples: &[usize]) -> Vec<usize> {
    let copies: Vec<usize> = match (&insight.kind, &insight.evidence) {
        (InsightKind::Duplication, Evidence::Pairs { pairs, .. }) => pairs.iter().map(|pair| pair.b).collect(),
        _ => Vec::new(),
    };
    samples.iter().copied().filter(|sample| !copies.contains(sample)).collect()
}

/// The losses of rows that have one.
fn known(losses: &[f64], rows: &[usize]) -> Vec<f64> {
    rows.iter().map(|&row| losses[row]).filter(|loss| loss.is_finite()).collect()
}
