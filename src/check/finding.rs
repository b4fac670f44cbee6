use serde::Serialize;

use super::observation::Failure;
use super::rules::Rule;
use crate::contract::Violation;

/// A rule that is broken by several samples or calls together.
///
/// What a single sample breaks stands with its function in [`super::SubsetReport::failures`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// Whether it keeps the check from passing.
    pub severity: Severity,
    /// What was found, where.
    #[serde(flatten)]
    pub failure: Failure,
}

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The check does not pass.
    Failure,
    /// The check passes.
    Warning,
}

/// A rule that was turned on but could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NotJudged {
    /// The rule.
    pub rule: Rule,
    /// The function concerned.
    pub function: String,
    /// Why.
    pub reason: String,
}

/// What judging a rule gave.
#[derive(Debug, Default)]
pub(super) struct Judged {
    pub(super) findings: Vec<Finding>,
    pub(super) not_judged: Vec<NotJudged>,
}

impl Judged {
    pub(super) fn fail(&mut self, rule: Rule, violation: Violation) {
        self.findings.push(Finding { rule, severity: Severity::Failure, failure: violation.into() });
    }

    pub(super) fn warn(&mut self, rule: Rule, violation: Violation) {
        self.findings.push(Finding { rule, severity: Severity::Warning, failure: violation.into() });
    }

    pub(super) fn skip(&mut self, rule: Rule, function: &str, reason: impl Into<String>) {
        self.not_judged.push(NotJudged { rule, function: function.to_owned(), reason: reason.into() });
    }

    /// What concerns one rule.
    #[cfg(feature = "harness")]
    pub(super) fn only(mut self, rule: Rule) -> Self {
        self.findings.retain(|finding| finding.rule == rule);
        self.not_judged.retain(|open| open.rule == rule);
        self
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.not_judged.extend(other.not_judged);
    }
}
