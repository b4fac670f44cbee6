use std::collections::BTreeSet;

use super::{
    Context, DuplicateOptions, Evidence, Insight, InsightKind, InsightOptions, MislabeledOptions, OutlierOptions,
    data_leakage, domain_gap, duplication, low_performance, mislabeled_samples, out_of_distribution,
};
use crate::Result;
use crate::evaluate::SampleTable;
use crate::explore::exploration::{ExploreOptions, LatentSpace};
use crate::explore::{Columns, Difference};

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

    for insight in &mut found {
        // The other two have said what sets their groups apart.
        if !matches!(insight.kind, InsightKind::LowPerformance | InsightKind::DomainGap) {
            insight.differences = what_sets_apart(columns, insight)?;
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

/// The metadata in which samples differ from all others. Of copies only the first counts: what is the same twice is not two
/// pieces of evidence.
fn what_sets_apart(columns: &Columns, insight: &Insight) -> Result<Vec<Difference>> {
    let mut inside: BTreeSet<usize> = insight.samples.iter().copied().collect();
    let outside: Vec<usize> = (0..columns.rows()).filter(|row| !inside.contains(row)).collect();
    if let (InsightKind::Duplication, Evidence::Pairs { pairs, .. }) = (insight.kind, &insight.evidence) {
        inside = pairs.iter().map(|pair| pair.a).collect();
        pairs.iter().for_each(|pair| _ = inside.remove(&pair.b));
    }
    columns.differences(&inside.into_iter().collect::<Vec<_>>(), &outside)
}
