use serde::Serialize;

use super::rules::{Rule, RuleSet};

/// Which samples of each subset the check runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Samples {
    /// The first one, as code_loader does.
    #[default]
    First,
    /// The first and every n-th after it; 0 counts as 1.
    Every(usize),
    /// All of them.
    All,
}

impl Samples {
    /// Places of the chosen samples among `count`, ascending.
    pub(super) fn of(self, count: usize) -> Vec<usize> {
        let (step, end) = match self {
            Self::First => (1, count.min(1)),
            Self::Every(step) => (step.max(1), count),
            Self::All => (1, count),
        };
        (0..end).step_by(step).collect()
    }
}

/// What the check does beyond code_loader's verdict. The default is nothing.
///
/// Whatever is turned on stands in the report, and what it finds never changes [`super::CheckReport::is_valid`], which is
/// code_loader's verdict; [`super::CheckReport::passed`] takes it into account.
///
/// ```
/// use leap_binder::check::{CheckOptions, Rule, Samples};
/// let options = CheckOptions::strict().samples(Samples::Every(100)).without(Rule::Black).fail_fast();
/// assert!(options.rules.has(Rule::Finite) && !options.rules.has(Rule::Black));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct CheckOptions {
    /// Which samples the functions are run on. Cost: proportional to their number. Default: the first of each subset.
    pub samples: Samples,
    /// Which rules are judged; each says what it means and costs. Default: none.
    pub rules: RuleSet,
    /// Whether to stop at the first sample that breaks a rule, in sample order, instead of collecting all that do.
    ///
    /// Rules that need several samples are then judged only if no sample failed, and a binder that code_loader would
    /// refuse is not looked at further. The result does not depend on the number of threads. Default: no.
    pub fail_fast: bool,
    /// Whether the binder is checked as the platform does, which refuses one without an integration test. Default: no.
    pub platform: bool,
}

impl CheckOptions {
    /// Every rule that few samples are enough for, on the first sample of each subset: what the `cargo test` harness uses.
    ///
    /// Left out are `leak`, `constant` and `slow`, whose answer on few samples would be chance.
    pub fn strict() -> Self {
        let rules = RuleSet::ALL.without(Rule::Leak).without(Rule::Constant).without(Rule::Slow);
        Self { rules, ..Self::default() }
    }

    /// Every rule on every sample.
    pub fn thorough() -> Self {
        Self { samples: Samples::All, rules: RuleSet::ALL, ..Self::default() }
    }

    /// Sets the samples.
    #[must_use]
    pub const fn samples(mut self, samples: Samples) -> Self {
        self.samples = samples;
        self
    }

    /// Turns a rule on.
    #[must_use]
    pub const fn with(mut self, rule: Rule) -> Self {
        self.rules = self.rules.with(rule);
        self
    }

    /// Turns a rule off.
    #[must_use]
    pub const fn without(mut self, rule: Rule) -> Self {
        self.rules = self.rules.without(rule);
        self
    }

    /// Stops at the first failure.
    #[must_use]
    pub const fn fail_fast(mut self) -> Self {
        self.fail_fast = true;
        self
    }

    /// Checks as the platform does.
    #[must_use]
    pub const fn platform(mut self) -> Self {
        self.platform = true;
        self
    }

    /// Whether anything is asked for that code_loader does not do.
    pub(super) fn goes_beyond(&self) -> bool {
        *self != Self { fail_fast: self.fail_fast, platform: self.platform, ..Self::default() }
    }
}
