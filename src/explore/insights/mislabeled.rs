use rayon::prelude::*;

use super::percent;
use crate::contract::DataState;
use crate::evaluate::SampleTable;
use crate::explore::{Evidence, Insight, InsightKind, LabelIssue, Neighbours, confident_learning, label_noise};
use crate::metrics::{Predictions, arg_max};
use crate::rng::SplitMix64;
use crate::{Error, Result};

/// The least probability that counts as evidence; the logarithm of 0 would outweigh everything.
const LEAST: f64 = 1e-6;

/// How wrong labels are looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MislabeledOptions {
    /// Nearest neighbours that vote; 10 by default, fewer when fewer are known.
    pub k: usize,
    /// A label counts as probably wrong from this probability on, when another class is the likeliest; 0.25 by default. Where
    /// the best F1 is `f`, the threshold `f / 2` reaches it (Lipton, Elkan, Naryanaswamy, 2014).
    pub threshold: f64,
    /// The chance at which model or neighbours must know the labels at all before anything is said of single ones; 0.01 by
    /// default.
    pub alpha: f64,
    /// Permutations of the labels by which that is tested; 999 by default. The least p-value is `2 / (permutations + 1)`.
    pub permutations: usize,
    /// Seed of the permutations; 0 by default.
    pub seed: u64,
    /// Whether the probabilities of training samples too are out of sample, as those of
    /// [`HeadFit::out_of_fold`](crate::train::HeadFit::out_of_fold) are; false by default.
    pub out_of_sample: bool,
}

impl Default for MislabeledOptions {
    fn default() -> Self {
        Self { k: 10, threshold: 0.25, alpha: 0.01, permutations: 999, seed: 0, out_of_sample: false }
    }
}

/// Labels that are probably wrong, as model and neighbours see it: one insight for the samples that the model has not learnt
/// from, and one for its training samples.
///
/// Two witnesses are heard for each sample: the model's probabilities, and the labels of its nearest neighbours in the
/// latent space, its own left out. Both are weighed against one another and against a share of wrong labels, all three
/// fitted to the labels themselves, which gives each label a probability of being wrong. Plain confident learning
/// ([`find_label_issues`](confident_learning::find_label_issues)) takes hard samples for wrong labels; here a label is
/// suspect only where the evidence is stronger than the classes' overlap explains.
///
/// Of training samples a model's probabilities say little, since it has learnt the labels, wrong ones included: there only
/// the neighbours are heard, and since the latent space has been learnt from the same labels, the sentence says so. All
/// other subsets count as unseen, and so do training samples whose probabilities are
/// [out of sample](MislabeledOptions::out_of_sample). Unlabelled samples neither vote nor are judged.
///
/// Before anything is claimed, model or neighbours must agree with the labels more often than by chance: a permutation test
/// of each, within the same samples, Bonferroni-corrected for two. Its p-value is the insight's. Where labels have nothing
/// to do with what is known of the samples, nothing is claimed.
///
/// `samples` have the most probably wrong first; each [`LabelIssue`] suggests the likeliest class, which is never the given
/// one. Severity is the square root of the share of suspects among labelled samples. The same for any number of threads.
///
/// # Errors
/// [`Error::Argument`] when `neighbours` are not the table's, or a row's probabilities are not one for each class, finite
/// and not negative, or a label is not a class; [`Error::Config`] for options out of range.
pub fn mislabeled_samples(
    table: &SampleTable,
    neighbours: Option<&Neighbours>,
    options: &MislabeledOptions,
) -> Result<Vec<Insight>> {
    check(table, neighbours, options)?;
    let labelled = |seen: bool| -> Vec<usize> {
        let rows = table.rows.iter().enumerate();
        let learnt = |state: DataState| state == DataState::Training && !options.out_of_sample;
        let wanted = rows.filter(|(_, row)| row.label.is_some() && learnt(row.state) == seen);
        wanted.map(|(place, _)| place).collect()
    };
    // Two groups are judged, which share the chance.
    let options = &MislabeledOptions { alpha: options.alpha / 2.0, ..*options };
    let [unseen, seen] = [false, true].map(|seen| Judged { table, rows: labelled(seen), seen });
    let mut insights = Vec::new();
    for (judged, others) in [(&unseen, &seen), (&seen, &unseen)] {
        let votes = Votes { neighbours, k: options.k };
        if let Some(p_value) = judged.signal(others, &votes, options) {
            insights.extend(judged.insight(&votes, p_value, options)?);
        }
    }
    Ok(insights)
}

fn check(table: &SampleTable, neighbours: Option<&Neighbours>, options: &MislabeledOptions) -> Result<()> {
    const FUNCTION: &str = "mislabeled_samples";
    if let Some(neighbours) = neighbours {
        super::check_neighbours(FUNCTION, neighbours, table.rows.len())?;
    }
    for (name, value) in [("threshold", options.threshold), ("alpha", options.alpha)] {
        if !(value > 0.0 && value < 1.0) {
            return Err(Error::config(name, "a number inside (0, 1)", value.to_string()));
        }
    }
    let classes = table.classes.len();
    let valid = |p: &f64| p.is_finite() && *p >= 0.0;
    for (place, row) in table.rows.iter().enumerate() {
        if row.probabilities.len() != classes || !row.probabilities.iter().all(valid) {
            let expected = format!("{classes} probabilities in each row");
            return Err(Error::argument(FUNCTION, expected, format!("{:?} in row {place}", row.probabilities)));
        }
        if let Some(label) = row.label.filter(|&label| label >= classes) {
            return Err(Error::argument(
                FUNCTION,
                format!("labels below {classes}"),
                format!("{label} in row {place}"),
            ));
        }
    }
    Ok(())
}

/// What the neighbours say.
struct Votes<'a> {
    neighbours: Option<&'a Neighbours>,
    k: usize,
}

impl Votes<'_> {
    /// How many labelled neighbours of a row have each class.
    fn of(&self, row: usize, labels: &[Option<usize>], classes: usize) -> Vec<usize> {
        let mut votes = vec![0; classes];
        let nearest = self.neighbours.map_or(&[][..], |neighbours| &neighbours.indices[row]);
        nearest.iter().take(self.k).filter_map(|&place| labels[place]).for_each(|label| votes[label] += 1);
        votes
    }
}

/// Samples that are judged together: labelled rows that the model has seen, or has not.
struct Judged<'a> {
    table: &'a SampleTable,
    rows: Vec<usize>,
    seen: bool,
}

impl Judged<'_> {
    /// The chance that labels unconnected with model and neighbours agree with them as these do, if it is small enough.
    fn signal(&self, others: &Self, votes: &Votes<'_>, options: &MislabeledOptions) -> Option<f64> {
        let labels: Vec<Option<usize>> = self.table.rows.iter().map(|row| row.label).collect();
        let first = labels.get(*self.rows.first()?)?;
        if self.rows.iter().all(|&row| labels[row] == *first) {
            return None;
        }
        let found = self.agreement(&labels, votes);
        let as_good: Vec<[bool; 2]> = (0..options.permutations)
            .into_par_iter()
            .map(|index| {
                let mut rng = SplitMix64::new(SplitMix64::new(options.seed).next_u64().wrapping_add(index as u64));
                let mut mixed = labels.clone();
                for rows in [&self.rows, &others.rows] {
                    let mut own: Vec<Option<usize>> = rows.iter().map(|&row| labels[row]).collect();
                    rng.shuffle(&mut own);
                    rows.iter().zip(own).for_each(|(&row, label)| mixed[row] = label);
                }
                let by_chance = self.agreement(&mixed, votes);
                [0, 1].map(|witness| by_chance[witness] >= found[witness])
            })
            .collect();
        let p_value = |witness: usize| {
            let as_good = as_good.iter().filter(|as_good| as_good[witness]).count();
            (as_good + 1) as f64 / (options.permutations + 1) as f64
        };
        let p_value = f64::min(1.0, 2.0 * p_value(0).min(p_value(1)));
        (p_value <= options.alpha).then_some(p_value)
    }

    /// How many labels the model predicts (none of samples that it has seen), and how many neighbours share their label.
    fn agreement(&self, labels: &[Option<usize>], votes: &Votes<'_>) -> [usize; 2] {
        let mut agreement = [0; 2];
        for &row in &self.rows {
            let Some(label) = labels[row] else { continue };
            let predicted = arg_max(&self.table.rows[row].probabilities);
            agreement[0] += usize::from(!self.seen && predicted == label);
            if let Some(neighbours) = votes.neighbours {
                let nearest = neighbours.indices[row].iter().take(votes.k);
                agreement[1] += nearest.filter(|&&place| labels[place] == Some(label)).count();
            }
        }
        agreement
    }

    fn insight(&self, votes: &Votes<'_>, p_value: f64, options: &MislabeledOptions) -> Result<Option<Insight>> {
        let labels: Vec<Option<usize>> = self.table.rows.iter().map(|row| row.label).collect();
        let given: Vec<usize> = self.rows.iter().filter_map(|&row| labels[row]).collect();
        let classes = self.table.classes.len();
        let votes: Vec<Vec<usize>> = self.rows.iter().map(|&row| votes.of(row, &labels, classes)).collect();
        let share = |class: usize| given.iter().filter(|&&label| label == class).count() as f64 / given.len() as f64;
        let shares: Vec<f64> = (0..classes).map(share).collect();
        let evidence = |(&row, votes): (&usize, &Vec<usize>)| -> label_noise::Evidence {
            let all = votes.iter().sum::<usize>();
            let model = |class: usize| match self.seen {
                true => 0.0,
                false => self.table.rows[row].probabilities[class].max(LEAST).ln(),
            };
            // One vote for each class, spread as the labels are, so that no count is 0 and no neighbours say nothing.
            let prior = |class: usize| (classes as f64 * shares[class]).max(LEAST);
            let near = |class: usize| match all {
                0 => 0.0,
                _ => ((votes[class] as f64 + prior(class)) / (all + classes) as f64).ln(),
            };
            (0..classes).map(|class| [model(class), near(class)]).collect()
        };
        let evidence: Vec<label_noise::Evidence> = self.rows.iter().zip(&votes).map(evidence).collect();
        let noise = label_noise::fit(&evidence, &given);

        let suspect =
            |&place: &usize| noise.wrong[place] >= options.threshold && arg_max(&noise.classes[place]) != given[place];
        let mut suspects: Vec<usize> = (0..given.len()).filter(suspect).collect();
        suspects.sort_by(|&a, &b| noise.wrong[b].total_cmp(&noise.wrong[a]).then(a.cmp(&b)));
        if suspects.is_empty() {
            return Ok(None);
        }
        let issue = |&place: &usize| LabelIssue {
            given: given[place],
            suggested: arg_max(&noise.classes[place]),
            self_confidence: self.table.rows[self.rows[place]].probabilities[given[place]],
            neighbours: votes[place][given[place]] as f64 / votes[place].iter().sum::<usize>().max(1) as f64,
        };
        let issues: Vec<LabelIssue> = suspects.iter().map(issue).collect();
        let sentence = self.sentence(&suspects, &noise, given)?;
        let samples: Vec<usize> = suspects.iter().map(|&place| self.rows[place]).collect();
        let severity = (samples.len() as f64 / self.rows.len() as f64).sqrt();
        let title = if self.seen { "Suspect labels in training" } else { "Suspect labels" };
        let evidence = Evidence::Labels { issues };
        let kind = InsightKind::MislabeledSamples;
        let mut insight = Insight::new(kind, severity, title, sentence, samples, evidence);
        (insight.p_value, insight.p_adjusted) = (Some(p_value), Some((2.0 * p_value).min(1.0)));
        Ok(Some(insight))
    }

    fn sentence(&self, suspects: &[usize], noise: &label_noise::LabelNoise, given: Vec<usize>) -> Result<String> {
        let names = (0..self.table.classes.len()).map(|class| class.to_string());
        let predictions = Predictions::new(names, given, noise.classes.iter().flatten().copied())?;
        let joint = confident_learning::estimated_joint(&predictions);
        let off = 1.0 - (0..joint.len()).map(|class| joint[class][class]).sum::<f64>();
        let (what, by) = match self.seen {
            false => ("labels of samples that the model has not learnt from", "Model and neighbours"),
            true => ("training labels", "Neighbours"),
        };
        let expected: f64 = suspects.iter().map(|&place| noise.wrong[place]).sum();
        let mut sentence = format!(
            "{by} speak against {} of {} {what} ({}); about {expected:.0} of these are expected to be wrong. The \
             estimated share of wrong labels is {}, by confident learning, which counts hard samples in, {}.",
            suspects.len(),
            self.rows.len(),
            percent(suspects.len() as f64 / self.rows.len() as f64),
            percent(noise.share),
            percent(off.max(0.0)),
        );
        if self.seen {
            sentence += " This is weaker evidence: the latent space was learnt from the same labels.";
        }
        Ok(sentence)
    }
}
