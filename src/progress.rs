//! How long work tells its caller where it stands.

/// A sink for progress; the library itself never prints.
///
/// Stages do not overlap. Calls may come from several threads. `()` ignores everything.
pub trait Progress: Sync {
    /// A stage of `total` steps begins, for example `evaluate test` with 624 images.
    fn begin(&self, stage: &str, total: usize);

    /// `steps` more steps are done.
    fn advance(&self, steps: usize);

    /// The stage is over.
    fn end(&self);
}

impl Progress for () {
    fn begin(&self, _stage: &str, _total: usize) {}
    fn advance(&self, _steps: usize) {}
    fn end(&self) {}
}
