//! Tensor names as the network itself has them, without what wrappers put before them.

use std::collections::BTreeMap;

/// Put before every name by `DataParallel` and by `torch.compile`.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];
/// The usual attributes under which a Lightning module keeps its network.
const ATTRIBUTES: [&str; 2] = ["model.", "net."];
/// What PyTorch's `AveragedModel` keeps beside the network.
const COUNTER: &str = "n_averaged";

/// Strips the prefixes that all names have, however many there are.
///
/// `model.` and `net.` stay where only numbers follow: those are the layers of a sequential network, as in Ultralytics'
/// own `model.0.conv.weight`.
pub(super) fn clean<T>(mut tensors: BTreeMap<String, T>) -> BTreeMap<String, T> {
    if tensors.len() > 1 && tensors.keys().all(|name| name == COUNTER || name.starts_with(WRAPPERS[0])) {
        tensors.remove(COUNTER);
    }
    while let Some(prefix) = shared_prefix(&tensors) {
        tensors = tensors.into_iter().map(|(mut name, tensor)| (name.split_off(prefix.len()), tensor)).collect();
    }
    tensors
}

fn shared_prefix<T>(tensors: &BTreeMap<String, T>) -> Option<&'static str> {
    let rests = |prefix: &'static str| {
        tensors.keys().map(move |name| name.strip_prefix(prefix).filter(|rest| !rest.is_empty()))
    };
    let shared = |prefix: &&'static str| !tensors.is_empty() && rests(prefix).all(|rest| rest.is_some());
    let numbered = |prefix: &&'static str| rests(prefix).flatten().all(starts_with_number);
    let attribute = || ATTRIBUTES.into_iter().filter(shared).find(|prefix| !numbered(prefix));
    WRAPPERS.into_iter().find(shared).or_else(attribute)
}

fn starts_with_number(rest: &str) -> bool {
    let first = rest.split('.').next().unwrap_or_default();
    !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(names: &[&str]) -> Vec<String> {
        clean(names.iter().map(|name| (name.to_string(), ())).collect()).into_keys().collect()
    }

    #[test]
    fn wrappers_are_stripped_where_all_names_have_them() {
        assert_eq!(cleaned(&["module.a.weight", "module.b"]), ["a.weight", "b"]);
        assert_eq!(cleaned(&["module._orig_mod.module.a"]), ["a"]);
        assert_eq!(cleaned(&["model._orig_mod.a", "model._orig_mod.b"]), ["a", "b"]);
        assert_eq!(cleaned(&["module.a", "b"]), ["b", "module.a"]);
        assert_eq!(cleaned(&["module.a", "n_averaged"]), ["a"]);
        assert_eq!(cleaned(&["a", "n_averaged"]), ["a", "n_averaged"]);
        assert_eq!(cleaned(&["n_averaged"]), ["n_averaged"]);
    }

    #[test]
    fn layers_of_a_sequential_network_keep_their_attribute() {
        assert_eq!(
            cleaned(&["model.0.conv.weight", "model.9.linear.bias"]),
            ["model.0.conv.weight", "model.9.linear.bias"]
        );
        assert_eq!(cleaned(&["model.model.0.conv.weight"]), ["model.0.conv.weight"]);
        assert_eq!(cleaned(&["model.0.weight", "model.head.weight"]), ["0.weight", "head.weight"]);
        assert_eq!(cleaned(&["net.layer1.weight", "net.fc.bias"]), ["fc.bias", "layer1.weight"]);
        assert_eq!(cleaned(&["net.0.weight"]), ["net.0.weight"]);
    }

    #[test]
    fn no_name_becomes_empty() {
        assert_eq!(cleaned(&["module."]), ["module."]);
        assert_eq!(cleaned(&[]), [] as [&str; 0]);
    }
}
