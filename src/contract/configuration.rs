use serde::Serialize;

/// What a binder asks of the analysis (Tensorleap: `LeapAnalysisConfiguration`). All of it is optional.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct AnalysisConfiguration {
    /// Metadata columns by which domains are told apart; each must exist.
    pub domain_gap_metadata: Option<Vec<String>>,
    /// Names of features to turn on, handed on as they are.
    pub feature_flags: Option<Vec<String>>,
    /// Whether the analysis must give the same result each time.
    pub deterministic_results: Option<bool>,
    /// Latent spaces to leave out: `foreground`, an input's name or a prediction's name.
    pub ignore_latent_spaces: Option<Vec<String>>,
}

/// A layer of the model that the platform does not know (Tensorleap: custom layer).
///
/// A candle model carries its own layers, so this only describes one for the platform's import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CustomLayer {
    /// The layer's name; a later registration of the same name replaces an earlier one.
    pub name: String,
    /// Names of the constructor's arguments.
    pub init_arg_names: Vec<String>,
    /// Names of the call's arguments.
    pub call_arg_names: Vec<String>,
    /// Whether the layer gives a latent space of its own.
    pub use_custom_latent_space: bool,
}

impl CustomLayer {
    /// Describes a layer.
    pub fn new<A: Into<String>, C: Into<String>>(
        name: impl Into<String>,
        init_arg_names: impl IntoIterator<Item = A>,
        call_arg_names: impl IntoIterator<Item = C>,
    ) -> Self {
        Self {
            name: name.into(),
            init_arg_names: init_arg_names.into_iter().map(Into::into).collect(),
            call_arg_names: call_arg_names.into_iter().map(Into::into).collect(),
            use_custom_latent_space: false,
        }
    }

    /// Says that the layer gives a latent space of its own.
    #[must_use]
    pub const fn with_custom_latent_space(mut self) -> Self {
        self.use_custom_latent_space = true;
        self
    }
}
