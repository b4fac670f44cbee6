use rayon::prelude::*;

use super::context::{Context, drawn_order};
use super::mixing::{Member, Mixing, mixing};
use super::words::{number, short};
use super::{Evidence, Gap, Insight, InsightKind};
use crate::Result;
use crate::contract::DataState;
use crate::explore::columns::{ColumnKind, Values};
use crate::explore::differences::{Side, category_pairs, level_counts};
use crate::explore::features::Feature;
use crate::explore::statistics::{Crosstab, KolmogorovSmirnov, benjamini_hochberg, difference_of_means};

/// The most values of a column by which the latent space is parted.
const MOST_GROUPS: usize = 8;
/// Bounds of the number of permutations.
const PERMUTATIONS: [f64; 2] = [999.0, 9_999.0];

/// Subsets that are not drawn from one population, and metadata by which the latent space falls apart.
///
/// Each pair of subsets is compared by every metadata column (two-sample Kolmogorov-Smirnov, chi-squared; histograms in eight
/// blocks), by the labels, and by where their samples lie in the latent space: how often a sample's nearest neighbours are of
/// its own subset, against permutations. The same is asked of the groups that a column of 2 to 8 categories or integers makes
/// (site, device). Where all samples are labelled, only samples of one class change places in permutations, so that a
/// shift of the classes, or a column that goes with them, is not taken for a shift of the images.
///
/// A shift is told when it is significant after correction over its family (columns and labels; latent space) and when its
/// effect is at least `least_effect`: the Kolmogorov-Smirnov distance, Cramer's V, or the share of own neighbours beyond
/// chance, all in [0, 1]. The severity is the geometric mean of the largest effect and the share of the table's samples that
/// are in the groups. `differences` and `gap` hold the second subset against the first.
///
/// Deterministic; of large subsets 2,000 samples, drawn by their ids, are held against each other in the latent space.
///
/// # Errors
/// Those of [`crate::explore::Columns::differences`] and of the bootstrap, which the context's checks rule out.
pub fn domain_gap(context: &Context<'_>) -> Result<Vec<Insight>> {
    let order = drawn_order(context.table, context.options.bootstrap.seed);
    let pairs = pairs(context);
    let mut columns: Vec<Shift> = Vec::new();
    let features = if pairs.is_empty() { Vec::new() } else { context.columns.features() };
    for (place, pair) in pairs.iter().enumerate() {
        columns.extend(column_shifts(place, pair, &features, context));
    }
    correct(&mut columns);

    let mut groupings: Vec<Grouping> = pairs.iter().map(|pair| Grouping::of_pair(pair, &order, context)).collect();
    groupings.extend(Grouping::by_columns(&order, context));
    let (mut latents, mut mixings) = (Vec::new(), Vec::new());
    if let Some(scores) = context.scores {
        // Enough that one test alone can stay below the level after correction, twice over.
        let needed = 2.0 * 3.0 * groupings.len() as f64 / context.options.level;
        let permutations = needed.clamp(PERMUTATIONS[0], PERMUTATIONS[1]) as usize;
        let seed = context.options.bootstrap.seed;
        for (place, grouping) in groupings.iter().enumerate() {
            if let Some(found) = mixing(scores, &grouping.members, context.options.fewest, permutations, seed)? {
                let (p_value, effect) = (found.p_value, found.effect);
                latents.push(Shift { of: place, what: What::Latent, p_value, p_adjusted: 1.0, effect });
                mixings.push((place, found));
            }
        }
    }
    correct(&mut latents);

    let holds =
        |shift: &Shift| shift.p_adjusted <= context.options.level && shift.effect >= context.options.least_effect;
    columns.retain(holds);
    latents.retain(holds);
    let mut insights = Vec::new();
    for (place, grouping) in groupings.iter().enumerate() {
        let mut shifts: Vec<&Shift> = columns.iter().chain(&latents).filter(|shift| shift.of == place).collect();
        shifts.sort_by(|a, b| b.effect.total_cmp(&a.effect));
        let mixed = mixings.iter().find(|(of, _)| *of == place).map(|(_, mixing)| mixing);
        if let Some(strongest) = shifts.first() {
            let severity = (strongest.effect * grouping.members.len() as f64 / context.table.rows.len() as f64).sqrt();
            insights.push(match pairs.get(place) {
                Some(pair) => tell_pair(pair, &shifts, mixed, severity, context)?,
                None => tell_groups(grouping, &shifts, mixed, severity, context)?,
            });
        }
    }
    insights.sort_by(|a, b| b.severity.total_cmp(&a.severity));
    insights.truncate(context.options.most);
    Ok(insights)
}

/// One test of one pair of subsets or of one grouping.
#[derive(Debug, Clone)]
struct Shift {
    of: usize,
    what: What,
    p_value: f64,
    p_adjusted: f64,
    effect: f64,
}

#[derive(Debug, Clone)]
enum What {
    Column(String),
    Labels,
    Latent,
}

fn correct(shifts: &mut [Shift]) {
    let adjusted = benjamini_hochberg(&shifts.iter().map(|shift| shift.p_value).collect::<Vec<_>>());
    shifts.iter_mut().zip(adjusted).for_each(|(shift, adjusted)| shift.p_adjusted = Context::across_families(adjusted));
}

/// Two subsets with their rows.
struct Subsets {
    states: [DataState; 2],
    rows: [Vec<usize>; 2],
}

/// All pairs of subsets that are large enough.
fn pairs(context: &Context<'_>) -> Vec<Subsets> {
    let rows = |state| (0..context.table.rows.len()).filter(move |&row| context.table.rows[row].state == state);
    let subsets = DataState::ALL.map(|state| (state, rows(state).collect::<Vec<usize>>()));
    let large: Vec<_> = subsets.into_iter().filter(|(_, rows)| rows.len() >= context.options.fewest.max(2)).collect();
    let pair = |first: usize, second: usize| Subsets {
        states: [large[first].0, large[second].0],
        rows: [large[first].1.clone(), large[second].1.clone()],
    };
    (0..large.len())
        .flat_map(|first| (first + 1..large.len()).map(move |second| (first, second)))
        .map(|(a, b)| pair(a, b))
        .collect()
}

fn column_shifts(place: usize, pair: &Subsets, features: &[Feature<'_>], context: &Context<'_>) -> Vec<Shift> {
    let table = context.table;
    let mut sides = vec![Side::Neither; table.rows.len()];
    pair.rows[0].iter().for_each(|&row| sides[row] = Side::Outside);
    pair.rows[1].iter().for_each(|&row| sides[row] = Side::Inside);
    let shift = |what, p_value, effect| Shift { of: place, what, p_value, p_adjusted: 1.0, effect };
    let column = |feature: &Feature<'_>| {
        let what = What::Column(feature.name.clone());
        match feature.values.as_ref() {
            Values::Numbers(numbers) => {
                let sizes =
                    level_counts(numbers, &sides).fold([0, 0], |sum, counts| [sum[0] + counts[0], sum[1] + counts[1]]);
                let found = KolmogorovSmirnov::of_counts(level_counts(numbers, &sides), sizes);
                shift(what, found.p_value, found.distance)
            }
            Values::Categories(categories) => {
                let found = Crosstab::of(categories.names.len(), 2, category_pairs(categories, &sides)).association();
                shift(what, found.p_value, found.cramers_v)
            }
        }
    };
    let mut shifts: Vec<Shift> = features.par_iter().map(column).collect();
    let labels =
        (0..2).flat_map(|side| pair.rows[side].iter().filter_map(move |&row| Some((table.rows[row].label?, side))));
    let labels = Crosstab::of(table.classes.len(), 2, labels).association();
    if labels.freedom > 0 {
        shifts.push(shift(What::Labels, labels.p_value, labels.cramers_v));
    }
    shifts
}

/// Samples in groups.
struct Grouping {
    /// The column that makes them; empty for a pair of subsets.
    column: String,
    names: Vec<String>,
    members: Vec<Member>,
}

impl Grouping {
    fn new(column: &str, names: Vec<String>, groups: &[Option<usize>], order: &[usize], context: &Context<'_>) -> Self {
        let rows = &context.table.rows;
        let labelled = order.iter().filter(|&&row| groups[row].is_some()).all(|&row| rows[row].label.is_some());
        let stratum = |row: usize| rows[row].label.filter(|_| labelled).unwrap_or(0);
        let member = |&row: &usize| Some(Member { row, group: groups[row]?, stratum: stratum(row) });
        Self { column: column.to_owned(), names, members: order.iter().filter_map(member).collect() }
    }

    fn of_pair(pair: &Subsets, order: &[usize], context: &Context<'_>) -> Self {
        let mut groups = vec![None; context.table.rows.len()];
        (0..2).for_each(|side| pair.rows[side].iter().for_each(|&row| groups[row] = Some(side)));
        Self::new("", pair.states.map(|state| state.to_string()).to_vec(), &groups, order, context)
    }

    /// Columns with few categories or integers, histograms left out.
    fn by_columns(order: &[usize], context: &Context<'_>) -> Vec<Self> {
        let binned = |place| context.columns.families().iter().any(|family| family.columns.contains(&place));
        let columns =
            context.columns.all().iter().enumerate().filter(|(place, column)| column.is_useful() && !binned(*place));
        let grouping = |(_, column): (usize, &crate::explore::Column)| match &column.values {
            Values::Categories(categories)
                if column.kind == ColumnKind::Categorical && categories.names.len() <= MOST_GROUPS =>
            {
                Some(Self::new(&column.name, categories.names.clone(), &categories.codes, order, context))
            }
            Values::Numbers(numbers) if numbers.levels().take(MOST_GROUPS + 1).count() <= MOST_GROUPS => {
                let values: Vec<f64> = numbers.levels().map(|level| numbers.values[level[0] as usize]).collect();
                if values.iter().any(|value| value.fract() != 0.0) {
                    return None;
                }
                let code = |value: &f64| values.iter().position(|known| known == value);
                let codes: Vec<Option<usize>> = numbers.values.iter().map(code).collect();
                let names = values.iter().map(|&value| number(value)).collect();
                Some(Self::new(&column.name, names, &codes, order, context))
            }
            _ => None,
        };
        columns.filter_map(grouping).collect()
    }
}

fn tell_pair(
    pair: &Subsets,
    shifts: &[&Shift],
    mixed: Option<&Mixing>,
    severity: f64,
    context: &Context<'_>,
) -> Result<Insight> {
    let [first, second] = pair.states;
    let mut parts = Vec::new();
    for shift in shifts {
        match &shift.what {
            What::Latent => parts.push(format!(
                "lies apart in the latent space ({} of the way from mixed to separate)",
                percent(shift.effect)
            )),
            What::Labels => {
                parts.push(format!("has other shares of the classes (Cramer's V {})", number(shift.effect)))
            }
            What::Column(_) => {}
        }
    }
    let columns: Vec<(&String, f64)> = shifts
        .iter()
        .filter_map(|shift| if let What::Column(name) = &shift.what { Some((name, shift.effect)) } else { None })
        .collect();
    if let Some((name, effect)) = columns.first() {
        let more = if columns.len() > 1 { format!(" and {} more", columns.len() - 1) } else { String::new() };
        parts.push(format!("differs in {} (by {} of at most 1){more}", short(name), number(*effect)));
    }
    let sentence = format!(
        "The {second} subset ({} samples) is not drawn like the {first} subset ({}): it {}.",
        pair.rows[1].len(),
        pair.rows[0].len(),
        parts.join(", ")
    );
    Ok(Insight {
        kind: InsightKind::DomainGap,
        severity,
        title: format!("{second} is not like {first}"),
        sentence,
        samples: most_apart(&pair.rows[1], mixed),
        differences: context.columns.differences(&pair.rows[1], &pair.rows[0])?,
        gap: loss_gap(&pair.rows[1], &pair.rows[0], context)?,
        p_value: least(shifts, |shift| shift.p_value),
        p_adjusted: least(shifts, |shift| shift.p_adjusted),
        evidence: Evidence::Group { rule: format!("{second} against {first}"), cluster: None, confusions: Vec::new() },
    })
}

fn tell_groups(
    grouping: &Grouping,
    shifts: &[&Shift],
    mixed: Option<&Mixing>,
    severity: f64,
    context: &Context<'_>,
) -> Result<Insight> {
    let mut sums = vec![(0.0, 0usize); grouping.names.len()];
    for &(_, group, share) in mixed.iter().flat_map(|mixed| &mixed.shares) {
        sums[group] = (sums[group].0 + share, sums[group].1 + 1);
    }
    let seen = sums.iter().map(|&(_, count)| count).sum::<usize>().max(1) as f64;
    // How much oftener than by its size a group's samples are next to each other.
    let apart = |&(sum, count): &(f64, usize)| {
        if count > 0 { sum / count as f64 - count as f64 / seen } else { f64::NEG_INFINITY }
    };
    let farthest = (0..sums.len()).rev().max_by(|&a, &b| apart(&sums[a]).total_cmp(&apart(&sums[b]))).unwrap_or(0);
    let rows = |own: bool| {
        let mut rows: Vec<usize> = grouping
            .members
            .iter()
            .filter(|member| (member.group == farthest) == own)
            .map(|member| member.row)
            .collect();
        rows.sort_unstable();
        rows
    };
    let (inside, outside) = (rows(true), rows(false));
    let (column, value) = (short(&grouping.column), short(&grouping.names[farthest]));
    let effect = shifts.first().map_or(0.0, |shift| shift.effect);
    let (sum, count) = sums[farthest];
    let sentence = format!(
        "Samples lie apart in the latent space by {column} ({} of the way from mixed to separate), most of all {column} = {value} \
         ({} samples): {} of their nearest neighbours are their own, {} would be by its share.",
        percent(effect),
        inside.len(),
        percent(sum / count.max(1) as f64),
        percent(count as f64 / seen)
    );
    Ok(Insight {
        kind: InsightKind::DomainGap,
        severity,
        title: format!("The latent space falls apart by {column}"),
        sentence,
        samples: most_apart(&inside, mixed),
        differences: context.columns.differences(&inside, &outside)?,
        gap: loss_gap(&inside, &outside, context)?,
        p_value: least(shifts, |shift| shift.p_value),
        p_adjusted: least(shifts, |shift| shift.p_adjusted),
        evidence: Evidence::Group { rule: format!("{column} = {value}"), cluster: None, confusions: Vec::new() },
    })
}

fn percent(share: f64) -> String {
    format!("{} %", number(100.0 * share))
}

fn least(shifts: &[&Shift], of: impl Fn(&Shift) -> f64) -> Option<f64> {
    shifts.iter().map(|shift| of(shift)).min_by(f64::total_cmp)
}

/// Rows by the share of own neighbours, largest first; those that were not looked at come last.
fn most_apart(rows: &[usize], mixed: Option<&Mixing>) -> Vec<usize> {
    let shares: std::collections::BTreeMap<usize, f64> =
        mixed.iter().flat_map(|mixed| &mixed.shares).map(|&(row, _, share)| (row, share)).collect();
    let share = |row: &usize| shares.get(row).copied().unwrap_or(-1.0);
    let mut rows = rows.to_vec();
    rows.sort_by(|a, b| share(b).total_cmp(&share(a)).then(a.cmp(b)));
    rows
}

/// The first loss in both groups; none where one has no losses.
fn loss_gap(inside: &[usize], outside: &[usize], context: &Context<'_>) -> Result<Option<Gap>> {
    let (losses, bootstrap) = (context.losses(), context.options.bootstrap);
    let groups = [inside, outside].map(|rows| {
        let known = rows.iter().map(|&row| losses[row]).filter(|loss| loss.is_finite());
        known.collect::<Vec<f64>>()
    });
    let found = difference_of_means(&groups[0], &groups[1], &bootstrap)?;
    let [inside, outside] = groups.map(|values| values.iter().sum::<f64>() / values.len() as f64);
    let gap = |difference| Gap {
        metric: context.loss_name().to_owned(),
        inside,
        outside,
        difference,
        low: found.low.unwrap_or(f64::NAN),
        high: found.high.unwrap_or(f64::NAN),
        level: bootstrap.level,
    };
    Ok(found.value.map(gap))
}
