use super::BinderBuilder;
use crate::Result;
use crate::binder::flow::{Flow, LoadModel};
use crate::contract::{Dataset, HandlerResult, LeapModel};

impl<D: Dataset> BinderBuilder<D> {
    /// Registers how the model is loaded; it is loaded at most once, and only by the integration test.
    pub fn load_model<M: LeapModel + 'static>(
        mut self,
        load: impl Fn() -> HandlerResult<M> + Send + Sync + 'static,
    ) -> Self {
        self.registry.load_model = Some(LoadModel::new(Box::new(move || Ok(Box::new(load()?) as Box<dyn LeapModel>))));
        self
    }

    /// Registers the integration test: how a sample goes through inputs, model, losses, metrics and visualizers.
    ///
    /// The body is run once on real values and once to record the graph; it sees handles and never values, so it cannot
    /// do anything but wire.
    pub fn integration_test(mut self, body: impl Fn(&mut Flow<'_>) -> Result<()> + Send + Sync + 'static) -> Self {
        self.registry.integration_test = Some(Box::new(body));
        self
    }

    /// Registers the integration test that the registration already declares: [`Flow::wire_all`].
    pub fn integration_test_from_registration(self) -> Self {
        self.integration_test(|flow| flow.wire_all())
    }
}
