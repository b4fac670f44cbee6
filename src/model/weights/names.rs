//! Names that a file may give to a network's tensors.

use crate::model::Architecture;

/// The network's own name of a file's tensor, or `None` for one that no network learns: PyTorch's count of batches.
/// `known` says whether the network has a tensor of some name.
pub(super) fn canonical(architecture: Architecture, name: &str, known: impl Fn(&str) -> bool) -> Option<String> {
    if name.ends_with("num_batches_tracked") {
        return None;
    }
    let alias = || match architecture {
        Architecture::DenseNet121
        | Architecture::DenseNet161
        | Architecture::DenseNet169
        | Architecture::DenseNet201 => densenet(name),
        #[cfg(feature = "zoo")]
        Architecture::Zoo(zoo) => zoo.from_torchvision(name),
        _ => None,
    };
    let alias = if known(name) { None } else { alias() };
    Some(alias.unwrap_or_else(|| name.to_owned()))
}

/// Torchvision's DenseNet files of 2017 have `denselayer1.norm.1.weight` where later ones have `denselayer1.norm1.weight`.
fn densenet(name: &str) -> Option<String> {
    let parts: Vec<&str> = name.split('.').collect();
    if let [before @ .., layer, kind @ ("norm" | "conv"), number @ ("1" | "2"), last] = parts.as_slice()
        && layer.starts_with("denselayer")
    {
        return Some(format!("{}.{layer}.{kind}{number}.{last}", before.join(".")));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_densenet_names_become_new_ones() {
        let of = |name| canonical(Architecture::DenseNet201, name, |_| false);
        for (old, new) in [
            ("features.denseblock1.denselayer1.norm.1.weight", "features.denseblock1.denselayer1.norm1.weight"),
            ("features.denseblock4.denselayer32.conv.2.weight", "features.denseblock4.denselayer32.conv2.weight"),
            ("features.denseblock1.denselayer1.norm1.bias", "features.denseblock1.denselayer1.norm1.bias"),
            ("features.transition1.norm.running_var", "features.transition1.norm.running_var"),
            ("classifier.weight", "classifier.weight"),
        ] {
            assert_eq!(of(old).as_deref(), Some(new));
        }
        assert_eq!(of("features.norm0.num_batches_tracked"), None);
    }
}
