//! stub, replaced by the integration test
use crate::Result;
use crate::contract::{HandlerResult, LeapModel};
/// Loads the model.
pub(crate) type LoadModel = Box<dyn Fn() -> HandlerResult<Box<dyn LeapModel>> + Send + Sync>;
/// The body of an integration test.
pub(crate) type IntegrationBody = Box<dyn Fn(&mut Flow<'_>) -> Result<()> + Send + Sync>;
/// What an integration test calls the binder's functions through.
#[derive(Debug)]
pub struct Flow<'a> {
    _p: std::marker::PhantomData<&'a ()>,
}

impl crate::binder::Registry {
    pub(crate) fn mapping(&self) -> Result<Vec<crate::contract::NodeConnection>, crate::contract::Violation> {
        Ok(Vec::new())
    }
}
