//! Metadata functions that come with instances and with chains.

use crate::binder::handlers::MetadataFunction;
use crate::contract::{Metadata, MetadataType, MetadataTypes, MetadataValue};

/// Tells rows of instances from rows of samples.
const INSTANCE: &str = "builtin_instance_metadata";
/// The instances' own metadata, absent on rows of samples.
const INSTANCE_EXTRA: &str = "builtin_instance_extra_metadata";
/// How long a chain was.
const CHAIN: &str = "builtin_chain";

/// `is_instance`, `original_sample_id`, `instance_name` and, with false positives, `is_false_positive`: all texts.
pub(crate) fn instance(false_positives: bool) -> MetadataFunction {
    MetadataFunction {
        name: INSTANCE.to_owned(),
        declared: None,
        compute: Box::new(move |_, place| {
            let id = place.ids.first().map(ToString::to_string).unwrap_or_default();
            let columns = [("is_instance", "0"), ("original_sample_id", &*id), ("instance_name", "none")];
            let last = false_positives.then_some(("is_false_positive", "0"));
            Ok(Metadata::map(columns.into_iter().chain(last)))
        }),
    }
}

/// One column for each key, absent on rows of samples.
pub(crate) fn instance_extra(types: &[(String, MetadataType)]) -> MetadataFunction {
    let keys: Vec<String> = types.iter().map(|(key, _)| key.clone()).collect();
    MetadataFunction {
        name: INSTANCE_EXTRA.to_owned(),
        declared: Some(MetadataTypes::Map(types.to_vec())),
        compute: Box::new(move |_, _| Ok(Metadata::map(keys.iter().map(|key| (key.clone(), MetadataValue::Absent))))),
    }
}

/// `length` and `truncated`, which only the platform knows.
pub(crate) fn chain() -> MetadataFunction {
    MetadataFunction {
        name: CHAIN.to_owned(),
        declared: None,
        compute: Box::new(|_, _| {
            Ok(Metadata::Map(vec![
                ("length".to_owned(), MetadataValue::Int(-1)),
                ("truncated".to_owned(), MetadataValue::Bool(false)),
            ]))
        }),
    }
}
