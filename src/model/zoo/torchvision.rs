//! torchvision's tensor names for the networks of the zoo. Its ResNets have timm's names already.

use super::Zoo;

impl Zoo {
    /// timm's name of the tensor that torchvision calls `theirs`; `None` if torchvision's network has no such tensor, or
    /// torchvision has no such network.
    ///
    /// Values are the same and in the same order. Shapes differ in two places: VGG's first two fully connected layers,
    /// `(4096, 25088)` and `(4096, 4096)`, are convolutions here, `(4096, 512, 7, 7)` and `(4096, 4096, 1, 1)`, and ConvNeXt's
    /// `layer_scale`, `(c, 1, 1)`, is `gamma`, `(c,)`.
    pub fn from_torchvision(self, theirs: &str) -> Option<String> {
        match self {
            Self::ResNet18 | Self::ResNet34 | Self::ResNet50 | Self::ResNet101 => Some(theirs.to_owned()),
            Self::Vgg16 => vgg(theirs),
            Self::EfficientNetB0
            | Self::EfficientNetB1
            | Self::EfficientNetB2
            | Self::EfficientNetB3
            | Self::EfficientNetB4 => efficientnet(theirs),
            Self::ConvNextTiny => convnext(theirs),
            Self::VitBase16 => vit(theirs),
            Self::MobileNetV4Small | Self::MobileNetV4Medium | Self::MobileNetV4Large => None,
        }
    }
}

fn vgg(theirs: &str) -> Option<String> {
    let parts: Vec<&str> = theirs.split('.').collect();
    match parts[..] {
        ["features", ..] => Some(theirs.to_owned()),
        ["classifier", "0", what] => Some(format!("pre_logits.fc1.{what}")),
        ["classifier", "3", what] => Some(format!("pre_logits.fc2.{what}")),
        ["classifier", "6", what] => Some(format!("head.fc.{what}")),
        _ => None,
    }
}

/// torchvision counts the stem as stage 0 and the last convolution as stage 8. A block is a list: widen (but for the first
/// stage), depthwise, squeeze and excitation, narrow.
fn efficientnet(theirs: &str) -> Option<String> {
    let parts: Vec<&str> = theirs.split('.').collect();
    match parts[..] {
        ["features", "0", "0", what] => Some(format!("conv_stem.{what}")),
        ["features", "0", "1", what] => Some(format!("bn1.{what}")),
        ["features", "8", "0", what] => Some(format!("conv_head.{what}")),
        ["features", "8", "1", what] => Some(format!("bn2.{what}")),
        ["features", stage, block, "block", place, ref rest @ ..] => {
            let stage: usize = stage.parse().ok()?;
            let (stage, place) = (stage.checked_sub(1)?, place.parse::<usize>().ok()?);
            let narrow = stage == 0;
            // As if every block had the layer that widens.
            let place = if narrow { place + 1 } else { place };
            let (conv, norm) = match (place, narrow) {
                (0, _) => ("conv_pw", "bn1"),
                (1, false) => ("conv_dw", "bn2"),
                (1, true) => ("conv_dw", "bn1"),
                (3, false) => ("conv_pwl", "bn3"),
                (3, true) => ("conv_pw", "bn2"),
                _ => ("", ""),
            };
            let layer = match (place, rest) {
                (2, ["fc1", what]) => format!("se.conv_reduce.{what}"),
                (2, ["fc2", what]) => format!("se.conv_expand.{what}"),
                (0 | 1 | 3, ["0", what]) => format!("{conv}.{what}"),
                (0 | 1 | 3, ["1", what]) => format!("{norm}.{what}"),
                _ => return None,
            };
            Some(format!("blocks.{stage}.{block}.{layer}"))
        }
        ["classifier", "1", what] => Some(format!("classifier.{what}")),
        _ => None,
    }
}

/// torchvision's odd features are stages, its even ones what leads to them.
fn convnext(theirs: &str) -> Option<String> {
    let parts: Vec<&str> = theirs.split('.').collect();
    match parts[..] {
        ["features", "0", layer, what] => Some(format!("stem.{layer}.{what}")),
        ["features", place, layer, what] => {
            let place: usize = place.parse().ok()?;
            match (place % 2, what) {
                (0, _) => Some(format!("stages.{}.downsample.{layer}.{what}", place / 2)),
                (_, "layer_scale") => Some(format!("stages.{}.blocks.{layer}.gamma", place / 2)),
                _ => None,
            }
        }
        ["features", place, block, "block", layer, what] => {
            let layer = match layer {
                "0" => "conv_dw",
                "2" => "norm",
                "3" => "mlp.fc1",
                "5" => "mlp.fc2",
                _ => return None,
            };
            Some(format!("stages.{}.blocks.{block}.{layer}.{what}", place.parse::<usize>().ok()? / 2))
        }
        ["classifier", "0", what] => Some(format!("head.norm.{what}")),
        ["classifier", "2", what] => Some(format!("head.fc.{what}")),
        _ => None,
    }
}

fn vit(theirs: &str) -> Option<String> {
    let parts: Vec<&str> = theirs.split('.').collect();
    match parts[..] {
        ["class_token"] => Some("cls_token".to_owned()),
        ["conv_proj", what] => Some(format!("patch_embed.proj.{what}")),
        ["encoder", "pos_embedding"] => Some("pos_embed".to_owned()),
        ["encoder", "ln", what] => Some(format!("norm.{what}")),
        ["heads", "head", what] => Some(format!("head.{what}")),
        ["encoder", "layers", layer, ref rest @ ..] => {
            let block = layer.strip_prefix("encoder_layer_")?;
            let name = match *rest {
                ["ln_1", what] => format!("norm1.{what}"),
                ["ln_2", what] => format!("norm2.{what}"),
                ["self_attention", "in_proj_weight"] => "attn.qkv.weight".to_owned(),
                ["self_attention", "in_proj_bias"] => "attn.qkv.bias".to_owned(),
                ["self_attention", "out_proj", what] => format!("attn.proj.{what}"),
                ["mlp", "0", what] => format!("mlp.fc1.{what}"),
                ["mlp", "3", what] => format!("mlp.fc2.{what}"),
                _ => return None,
            };
            Some(format!("blocks.{block}.{name}"))
        }
        _ => None,
    }
}
