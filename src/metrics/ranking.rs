/// The samples in falling order of one score, sorted once and then measured for any multiplicities.
pub(super) struct Ranking {
    ranked: Vec<Ranked>,
}

struct Ranked {
    sample: usize,
    positive: bool,
    /// Whether the next sample has a smaller score, so that a threshold fits between.
    last_of_ties: bool,
}

/// The areas under the two curves of a ranking, each in [0, 1].
pub(super) struct Areas {
    /// Area under the receiver operating characteristic: the probability that a positive outranks a negative, ties half.
    pub(super) roc: f64,
    /// scikit-learn's `average_precision_score`: the sum over thresholds of precision times gain in recall.
    pub(super) pr: f64,
}

impl Ranking {
    /// Sorts `(score, positive)` pairs, one for each sample; scores must be numbers.
    pub(super) fn new(scored: impl Iterator<Item = (f64, bool)>) -> Self {
        let mut scored: Vec<(usize, (f64, bool))> = scored.enumerate().collect();
        scored.sort_by(|(_, (a, _)), (_, (b, _))| b.total_cmp(a));
        let next = scored.iter().skip(1).map(|(_, (score, _))| Some(*score)).chain([None]);
        let ranked = scored.iter().zip(next).map(|(&(sample, (score, positive)), next)| Ranked {
            sample,
            positive,
            last_of_ties: next != Some(score),
        });
        Self { ranked: ranked.collect() }
    }

    /// The areas with sample `i` counted `counts[i]` times; `None` without positives or without negatives.
    ///
    /// Walks from the highest score down. All samples of one score enter together.
    pub(super) fn areas(&self, counts: &[u64]) -> Option<Areas> {
        let (mut true_positives, mut false_positives) = (0u64, 0u64);
        let (mut passed_true, mut passed_false) = (0u64, 0u64);
        let (mut doubled_wins, mut precision_gain) = (0u128, 0.0);
        for ranked in &self.ranked {
            let count = counts[ranked.sample];
            if ranked.positive {
                true_positives += count
            } else {
                false_positives += count
            }
            if ranked.last_of_ties && true_positives + false_positives > passed_true + passed_false {
                doubled_wins += u128::from(false_positives - passed_false) * u128::from(true_positives + passed_true);
                let precision = true_positives as f64 / (true_positives + false_positives) as f64;
                precision_gain += precision * (true_positives - passed_true) as f64;
                (passed_true, passed_false) = (true_positives, false_positives);
            }
        }
        let (positives, negatives) = (true_positives as f64, false_positives as f64);
        (positives > 0.0 && negatives > 0.0)
            .then(|| Areas { roc: doubled_wins as f64 / (2.0 * positives * negatives), pr: precision_gain / positives })
    }
}
