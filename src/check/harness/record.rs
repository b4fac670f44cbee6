use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use libtest_mimic::{Completion, Failed, Trial};

use crate::check::junit::{Case, CaseResult, Suite, code_in, render};

/// What a test came to.
pub(super) enum Verdict {
    Passed,
    Ignored(String),
    Failed(String),
}

/// Keeps what the tests that ran came to, in the order in which they are listed.
#[derive(Debug, Clone, Default)]
pub(super) struct Recorder(Arc<Mutex<Vec<Record>>>);

#[derive(Debug)]
struct Record {
    number: usize,
    suite: String,
    case: Case,
}

/// Collects tests, recorded or not.
pub(super) struct Listing<'r> {
    pub(super) trials: Vec<Trial>,
    recorder: Option<&'r Recorder>,
}

impl<'r> Listing<'r> {
    pub(super) const fn new(recorder: Option<&'r Recorder>) -> Self {
        Self { trials: Vec::new(), recorder }
    }

    /// Adds the test `suite::case`, or `suite` when there is no case.
    pub(super) fn add(&mut self, suite: &str, case: &str, run: impl FnOnce() -> Verdict + Send + 'static) {
        let name = if case.is_empty() { suite.to_owned() } else { format!("{suite}::{case}") };
        let record = self.recorder.map(|recorder| {
            let case = if case.is_empty() { suite } else { case };
            (recorder.clone(), self.trials.len(), suite.to_owned(), case.to_owned())
        });
        self.trials.push(Trial::ignorable_test(name, move || {
            let started = Instant::now();
            let verdict = run();
            if let Some((recorder, number, suite, name)) = record {
                let result = match &verdict {
                    Verdict::Passed => CaseResult::Passed,
                    Verdict::Ignored(reason) => CaseResult::Skipped(reason.clone()),
                    Verdict::Failed(text) => CaseResult::Failed(code_in(text), text.clone()),
                };
                let seconds = Some(started.elapsed().as_secs_f64());
                let record = Record { number, suite, case: Case { name, result, seconds } };
                recorder.0.lock().unwrap_or_else(PoisonError::into_inner).push(record);
            }
            match verdict {
                Verdict::Passed => Ok(Completion::Completed),
                Verdict::Ignored(reason) => Ok(Completion::ignored_with(reason)),
                Verdict::Failed(text) => Err(Failed::from(text)),
            }
        }));
    }
}

impl Recorder {
    /// Writes JUnit's XML.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let mut records = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        records.sort_by_key(|record| record.number);
        let mut suites: Vec<Suite> = Vec::new();
        for Record { suite, case, .. } in records {
            match suites.last_mut().filter(|last| last.name == suite) {
                Some(last) => last.cases.push(case),
                None => suites.push(Suite { name: suite, cases: vec![case] }),
            }
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, render("leap-binder test", &suites))
    }
}
