use super::confusion::mean_of_defined;
use super::probabilistic::Probabilistic;
use super::ranking::Ranking;
use super::{ConfusionMatrix, Predictions};

/// Every metric of one (re)sample; `None` where it is undefined.
pub(super) struct Scores {
    pub(super) accuracy: f64,
    pub(super) balanced_accuracy: f64,
    pub(super) macro_f1: f64,
    pub(super) mcc: f64,
    pub(super) cohen_kappa: Option<f64>,
    pub(super) macro_roc_auc: Option<f64>,
    pub(super) macro_pr_auc: Option<f64>,
    pub(super) log_loss: f64,
    pub(super) brier: f64,
    pub(super) ece: f64,
    pub(super) classes: Vec<ClassScores>,
}

/// Every metric of one class against the rest.
pub(super) struct ClassScores {
    pub(super) precision: Option<f64>,
    pub(super) recall: Option<f64>,
    pub(super) f1: Option<f64>,
    pub(super) roc_auc: Option<f64>,
    pub(super) pr_auc: Option<f64>,
}

/// Predictions made ready to be scored many times, with other multiplicities each time.
pub(super) struct Scorer<'a> {
    predictions: &'a Predictions,
    rankings: Vec<Ranking>,
    probabilistic: Probabilistic,
}

impl<'a> Scorer<'a> {
    /// Sorts and sums what does not depend on multiplicities.
    pub(super) fn new(predictions: &'a Predictions) -> Self {
        let ranking = |class: usize| {
            let scores = predictions.probabilities().map(|row| row[class]);
            Ranking::new(scores.zip(predictions.y_true().iter().map(|&truth| truth == class)))
        };
        Self {
            predictions,
            rankings: (0..predictions.labels().len()).map(ranking).collect(),
            probabilistic: Probabilistic::new(predictions),
        }
    }

    /// Scores the sample in which sample `i` stands `counts[i]` times.
    pub(super) fn score(&self, counts: &[u64]) -> Scores {
        let confusion = ConfusionMatrix::weighted(self.predictions, counts);
        let losses = self.probabilistic.losses(counts);
        let classes: Vec<ClassScores> = confusion
            .one_vs_rest()
            .zip(&self.rankings)
            .map(|(class, ranking)| {
                let areas = ranking.areas(counts);
                ClassScores {
                    precision: class.precision(),
                    recall: class.recall(),
                    f1: class.f1(),
                    roc_auc: areas.as_ref().map(|areas| areas.roc),
                    pr_auc: areas.as_ref().map(|areas| areas.pr),
                }
            })
            .collect();
        Scores {
            accuracy: confusion.accuracy(),
            balanced_accuracy: confusion.balanced_accuracy(),
            macro_f1: confusion.macro_f1(),
            mcc: confusion.mcc(),
            cohen_kappa: confusion.cohen_kappa(),
            macro_roc_auc: mean_of_defined(classes.iter().map(|class| class.roc_auc)),
            macro_pr_auc: mean_of_defined(classes.iter().map(|class| class.pr_auc)),
            log_loss: losses.log_loss,
            brier: losses.brier,
            ece: losses.ece,
            classes,
        }
    }
}
