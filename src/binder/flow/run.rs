//! One integration test from preprocess to the closing check.

use std::fmt;

use super::report::{IntegrationReport, Warnings};
use super::table::{PREPROCESS, StatusTable};
use super::{Calls, Flow, Real, SampleChoice, TestOptions};
use crate::binder::{AnySample, Prepared, Registry, guarded};
use crate::check::first_failure;
use crate::contract::{Code, DataState, NodeConnection, SampleId, Violation};
use crate::{Error, Result};

/// What a test on real values leaves behind.
struct Ran {
    connections: Vec<NodeConnection>,
    unfed: Vec<(String, String)>,
    step_inputs: Option<Vec<String>>,
}

impl Registry {
    /// Runs the integration test on samples of a subset, with the registered model: [`Registry::integration_test_with`].
    pub fn integration_test(&self, state: DataState, sample: impl Into<SampleChoice>) -> IntegrationReport {
        self.integration_test_with(state, sample, &TestOptions::default())
    }

    /// Runs preprocess, the test's body on real values and once more to record the graph, and the functions on the first
    /// sample of every subset.
    ///
    /// Nothing is returned as an error: what stopped the test is [`IntegrationReport::failure`], with the table as far as the
    /// test came. The two runs of the body must wire the same graph.
    pub fn integration_test_with(
        &self,
        state: DataState,
        sample: impl Into<SampleChoice>,
        options: &TestOptions,
    ) -> IntegrationReport {
        let mut report = IntegrationReport {
            connections: Vec::new(),
            warnings: Warnings::registered(self),
            notes: Vec::new(),
            table: StatusTable::new(self),
            failure: None,
        };
        if self.integration_test.is_none() {
            let violation = Violation::new(Code::IntegrationTestMissing, "integration_test", "a body", "none");
            report.table.finish();
            report.failure = Some(violation);
            return report;
        }
        match self.test(state, sample.into(), options, &mut report) {
            Ok(()) if report.passed() => report.table.finish(),
            Ok(()) => {}
            Err(violation) => report.stop(violation),
        }
        report
    }

    /// The graph that the integration test wires, recorded without data: labels of predictions first, then every call.
    ///
    /// Without an integration test it is the labels alone, and without a registered model as well it is empty: labels are
    /// those of a model's outputs. Only the inputs of an autoregressive binder need a sample, as its step alone knows their
    /// names.
    ///
    /// # Errors
    /// [`Error::Contract`] with `BND-302` or what else the body does wrong.
    pub fn node_connections(&self) -> Result<Vec<NodeConnection>> {
        let (connections, broken) = self.mapping();
        broken.map_or(Ok(connections), |violation| Err(violation.into()))
    }

    /// [`Registry::node_connections`] for the check, which does it while it loads the binder.
    ///
    /// A body that cannot be followed leaves what it wired before.
    pub(crate) fn mapping(&self) -> (Vec<NodeConnection>, Option<Violation>) {
        self.record(None)
    }

    fn record(&self, step_inputs: Option<Vec<String>>) -> (Vec<NodeConnection>, Option<Violation>) {
        if self.integration_test.is_none() && self.load_model.is_none() {
            return (Vec::new(), None);
        }
        let mut flow = Flow { step_inputs, ..Flow::new(self, None) };
        let outcome = self.body(&mut flow);
        (flow.recorder.finish(self), outcome.err())
    }

    fn test(
        &self,
        state: DataState,
        sample: SampleChoice,
        options: &TestOptions,
        report: &mut IntegrationReport,
    ) -> Result<(), Violation> {
        report.table.enter(PREPROCESS);
        let prepared = self.prepare()?;
        if let Some(violation) = prepared.violations().into_iter().next() {
            return Err(violation);
        }
        let Some(subset) = prepared.subsets.iter().find(|subset| subset.state == state) else {
            let known: Vec<&str> = prepared.subsets.iter().map(|subset| subset.state.as_str()).collect();
            return Err(Violation::new(Code::MissingSubset, "preprocess", state.to_string(), format!("{known:?}")));
        };
        report.table.pass(PREPROCESS);
        let calls = self.calls(subset, options.calls);
        let ids = match sample {
            SampleChoice::First => subset.first_group().unwrap_or_default().to_vec(),
            SampleChoice::One(id) if subset.is_grouped() => {
                return Err(grouping("the ids of a group", "a single sample id", &id));
            }
            SampleChoice::One(id) => vec![id],
            SampleChoice::Group(ids) if subset.is_grouped() => ids,
            SampleChoice::Group(ids) => {
                let violation = grouping("a single sample id", "a group, but the subset is not grouped", &ids.len());
                return Err(violation);
            }
        };
        ids.iter().try_for_each(|id| calls.check_kind(id))?;
        report.table.start();
        let samples = if subset.is_grouped() { calls.load_group(&ids)? } else { Vec::new() };
        let ran = self.on_samples(calls, &ids, samples, options, report)?;
        let (recorded, broken) = self.record(ran.step_inputs);
        if let Some(violation) = broken {
            return Err(violation);
        }
        if recorded != ran.connections {
            let found = format!("{} connections, then {}", ran.connections.len(), recorded.len());
            let expected = "a body that wires the same graph every time it is run";
            return Err(Violation::new(Code::IntegrationTest, "integration_test", expected, found));
        }
        for (loss, input) in ran.unfed {
            report.warnings.add(format!(
                "Custom loss '{loss}' consumes input '{input}', which is not fed to the model. This is not supported: the \
                 platform builds losses into the model graph, so an input the model does not take has no source there. Feed \
                 it to the model, or make it a ground truth."
            ));
        }
        if let Err(violation) = self.closing(&prepared) {
            report.fail(violation);
        }
        Ok(())
    }

    /// Runs the body on each sample; the graph is that of the last.
    fn on_samples<'a>(
        &'a self,
        mut calls: Calls<'a>,
        ids: &[SampleId],
        samples: Vec<Box<AnySample>>,
        options: &TestOptions,
        report: &mut IntegrationReport,
    ) -> Result<Ran, Violation> {
        let mut ran = Ran { connections: Vec::new(), unfed: Vec::new(), step_inputs: None };
        let grouped = !samples.is_empty();
        let mut samples = samples.into_iter();
        for id in ids {
            if let Some(sample) = samples.next() {
                calls.keep(id.clone(), sample);
            }
            let (model, table) = (options.model.clone(), report.table.clone());
            let mut flow = Flow::new(self, Some(Real { calls, id: id.clone(), grouped, model, table }));
            let outcome = self.body(&mut flow);
            ran = Ran {
                connections: flow.recorder.finish(self),
                unfed: flow.recorder.unfed(self),
                step_inputs: flow.step_inputs.take(),
            };
            let Some(real) = flow.real.take() else { break };
            calls = real.calls;
            report.table = real.table;
            report.connections.clone_from(&ran.connections);
            report.warnings = calls.warnings.clone();
            report.notes = calls.notes.clone();
            outcome?;
        }
        Ok(ran)
    }

    /// Runs the body; its own errors and panics are failures of the wiring.
    fn body(&self, flow: &mut Flow<'_>) -> Result<(), Violation> {
        let Some(body) = &self.integration_test else { return Ok(()) };
        let mut broken = None;
        let outcome = guarded("integration_test", || {
            match body(flow) {
                Ok(()) => {}
                Err(Error::Contract(violation)) => broken = Some(*violation),
                Err(error) => return Err(error.into()),
            }
            Ok(())
        });
        match broken {
            Some(violation) => Err(violation),
            None => outcome,
        }
    }

    /// The check, as code_loader runs its older harness at the end of the test; the first failure counts.
    fn closing(&self, prepared: &Prepared) -> Result<(), Violation> {
        first_failure(self, prepared).map_or(Ok(()), Err)
    }
}

fn grouping(expected: &str, found: &str, what: &dyn fmt::Display) -> Violation {
    Violation::new(Code::MixedGrouping, "sample_id", expected, format!("{found} ({what})"))
}
