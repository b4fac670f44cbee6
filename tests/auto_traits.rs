//! What users share between threads stays shareable: a lost `Send` or `Sync` does not compile.

use leap_binder::binder::flow::{IntegrationReport, ModelCall, StatusTable};
use leap_binder::binder::{
    Autoregressive, BinderBuilder, EncodedSample, InputEncoder, LatentSpace, Loss, Metric, Registry, SimulatedSamples,
    Simulation, Visualizer,
};
use leap_binder::check::{
    CheckOptions, CheckReport, Failure, Finding, FunctionReport, Payload, RawResult, Setup, SubsetReport,
};
use leap_binder::contract::{
    Argument, Code, Dataset, ElementInstance, Metadata, MetricResult, NodeConnection, SampleId, Subset, Violation,
    Visualization,
};
use leap_binder::model::YoloDetector;
use leap_binder::{Binder, Error};

const fn shared<T: Send + Sync>() {}
const fn owned<T: Send + Sync + 'static>() {}

/// Whatever the data set is, as `Dataset` asks for `Send + Sync` itself.
const fn over_any_data_set<D: Dataset>() {
    owned::<Binder<D>>();
    owned::<BinderBuilder<D>>();
    owned::<Autoregressive<D, u64>>();
}

/// The compiler evaluates this; there is nothing left to run.
const _: () = {
    let _ = over_any_data_set::<leap_binder::pneumonia::ChestXrays>;
    owned::<Registry>();
    owned::<leap_binder::model::Checkpoint>();
    shared::<&Registry>();
    owned::<leap_binder::compare::Contender>();
    owned::<leap_binder::compare::Comparison>();
    owned::<InputEncoder>();
    owned::<LatentSpace>();
    owned::<Loss>();
    owned::<Metric>();
    owned::<Simulation>();
    owned::<Visualizer>();
    owned::<EncodedSample>();
    owned::<SimulatedSamples>();

    owned::<CheckReport>();
    owned::<CheckOptions>();
    owned::<Finding>();
    owned::<FunctionReport>();
    owned::<SubsetReport>();
    owned::<Failure>();
    owned::<Payload>();
    owned::<RawResult>();
    owned::<Setup>();

    owned::<YoloDetector>();

    owned::<IntegrationReport>();
    owned::<ModelCall>();
    owned::<StatusTable>();

    owned::<Argument>();
    owned::<Code>();
    owned::<ElementInstance>();
    owned::<Metadata>();
    owned::<MetricResult>();
    owned::<NodeConnection>();
    owned::<SampleId>();
    owned::<Subset>();
    owned::<Violation>();
    owned::<Visualization>();
    owned::<Error>();
};
