//! Autoregressive binders.

use leap_binder::contract::*;

use super::*;

pub(super) fn with_what_it_cannot_have(description: &mut Description, pick: usize) -> Option<Caught> {
    description.chains.first()?;
    let what = match pick % 4 {
        0 => {
            let (name, shape, dtype) = ("added".to_owned(), vec![1], candle_core::DType::F32);
            let encoder = Encoder { name, shape, dtype, fault: None, fails_simulated: false, noisy: false };
            description.inputs.push(Input { encoder, channel_dim: None, model_input_index: None });
            "input encoders"
        }
        1 => {
            let parameters = vec![("size".to_owned(), SimulationBounds::int(0, 4))];
            description.simulations.push(Simulation {
                name: "added".to_owned(),
                parameters,
                barren: false,
                fault: None,
            });
            "simulations"
        }
        2 => {
            let (metadata, types) = (Vec::new(), Vec::new());
            description.instances.push(Instances { per_sample: 1, metadata, types, length: None, mask: None });
            "element instances"
        }
        _ => {
            let (kind, options) = (SpaceKind::Sample, LatentSpaceOptions::default());
            description.latent_spaces.push(Space { name: "added".to_owned(), kind, options });
            "custom latent spaces"
        }
    };
    Caught::general("BND-009", ["autoregressive_step: ".to_owned(), format!("must not declare {what}")])
}

pub(super) fn without_predictions(description: &mut Description, _: usize) -> Option<Caught> {
    description.chains.first()?;
    description.predictions.clear();
    let drawn = description.visualizers.iter_mut().map(|(_, f)| f);
    let functions = description.losses.iter_mut().chain(&mut description.metrics);
    for function in functions.chain(&mut description.instance_metrics).chain(drawn) {
        function.arguments = vec![argument("xs")];
    }
    Caught::general("BND-009", ["autoregressive_step: ", "must declare prediction types"])
}

fn in_step(code: &'static str, texts: Vec<String>) -> Option<Caught> {
    Caught::payloads(code, errors(["autoregressive_step"]), texts)
}

fn on_first(description: &Description, state: DataState) -> String {
    format!("autoregressive_step{}", description.first_sample(state))
}

pub(super) fn fails(description: &mut Description, pick: usize) -> Option<Caught> {
    let (state, how) = (any_of(&description.states(), pick)?, any_way(pick));
    description.chains.first_mut()?.fault = Some(Fault { on: Some(state), how });
    // Without the training sample's inputs the setup has none to be ignored.
    description.configuration.ignore_latent_spaces = None;
    in_step(how.code(), vec![on_first(description, state)])
}

fn quirk(description: &mut Description, quirk: Quirk) -> Option<()> {
    description.chains.first_mut()?.quirk = Some(quirk);
    description.configuration.ignore_latent_spaces = None;
    Some(())
}

pub(super) fn is_noisy(description: &mut Description, pick: usize) -> Option<Caught> {
    let (noise, text) = [
        (Quirk::NoisyInputs, "other values of \"tokens0\""),
        (Quirk::NoisyState, "other states"),
        (Quirk::NoisyKeys, "other input names"),
    ][pick % 3];
    quirk(description, noise)?;
    in_step("BND-215", vec![on_first(description, DataState::Training), text.to_owned(), "not deterministic".into()])
}

pub(super) fn underscore(description: &mut Description, pick: usize) -> Option<Caught> {
    description.configuration.ignore_latent_spaces = None;
    let inputs = &mut description.chains.first_mut()?.inputs;
    let count = inputs.len();
    inputs[pick % count].0 = "_hidden".to_owned();
    in_step("BND-215", vec![on_first(description, DataState::Training), "_hidden".to_owned()])
}

pub(super) fn without_inputs(description: &mut Description, pick: usize) -> Option<Caught> {
    quirk(description, [Quirk::EndsAtOnce, Quirk::NoInputs][pick % 2])?;
    in_step("BND-215", vec![on_first(description, DataState::Training), "initial model inputs".to_owned()])
}

pub(super) fn other_keys(description: &mut Description, pick: usize) -> Option<Caught> {
    let state = any_of(&description.states()[1..], pick)?;
    quirk(description, Quirk::OtherKeys(state))?;
    in_step("BND-215", vec![on_first(description, state), "another".to_owned(), "as on training".to_owned()])
}

pub(super) fn other_shape(description: &mut Description, pick: usize) -> Option<Caught> {
    let state = any_of(&description.states()[1..], pick)?;
    quirk(description, Quirk::OtherShape(state))?;
    in_step("BND-215", vec![on_first(description, state), "tokens0".to_owned(), "as on training".to_owned()])
}
