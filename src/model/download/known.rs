//! Public files whose digests are known for certain.

use std::borrow::Cow;

use super::Source;

/// What is known of the terms for torchvision's ImageNet weights.
const TORCHVISION: &str = "torchvision's code is BSD-3-Clause; its ImageNet weights carry no licence of their own, and \
     access to ImageNet is given for non-commercial research and education";

/// Weights that were trained on ImageNet, 1000 classes, published with torchvision.
///
/// The digests are the eight digits in the files' names, which are the start of the SHA-256: torchvision 0.29 makes
/// the same comparison when it loads them. [`Source::sha256`] says what eight digits are worth. The exact lengths are not published.
/// Two files of one network are two trainings, the later one with torchvision's newer recipe.
///
/// Left out are files of which only an MD5 is published (Keras), or no digest at all that could be established without
/// fetching them (timm on the model hub, Ultralytics): name address and digest with [`Source::new`]. torchvision's EfficientNet,
/// ConvNeXt and ViT are left out because they want their images prepared otherwise than timm's, whose preparation is what
/// [`Architecture::input`](crate::model::Architecture::input) says.
pub const KNOWN: &[Source] = &[
    torchvision(
        "densenet121-a639ec97.pth",
        "https://download.pytorch.org/models/densenet121-a639ec97.pth",
        "a639ec97",
        "densenet121",
    ),
    torchvision(
        "densenet161-8d451a50.pth",
        "https://download.pytorch.org/models/densenet161-8d451a50.pth",
        "8d451a50",
        "densenet161",
    ),
    torchvision(
        "densenet169-b2777c0a.pth",
        "https://download.pytorch.org/models/densenet169-b2777c0a.pth",
        "b2777c0a",
        "densenet169",
    ),
    torchvision(
        "densenet201-c1103571.pth",
        "https://download.pytorch.org/models/densenet201-c1103571.pth",
        "c1103571",
        "densenet201",
    ),
    torchvision(
        "resnet18-f37072fd.pth",
        "https://download.pytorch.org/models/resnet18-f37072fd.pth",
        "f37072fd",
        "resnet18",
    ),
    torchvision(
        "resnet34-b627a593.pth",
        "https://download.pytorch.org/models/resnet34-b627a593.pth",
        "b627a593",
        "resnet34",
    ),
    torchvision(
        "resnet50-0676ba61.pth",
        "https://download.pytorch.org/models/resnet50-0676ba61.pth",
        "0676ba61",
        "resnet50",
    ),
    torchvision(
        "resnet50-11ad3fa6.pth",
        "https://download.pytorch.org/models/resnet50-11ad3fa6.pth",
        "11ad3fa6",
        "resnet50",
    ),
    torchvision(
        "resnet101-63fe2227.pth",
        "https://download.pytorch.org/models/resnet101-63fe2227.pth",
        "63fe2227",
        "resnet101",
    ),
    torchvision(
        "resnet101-cd907fc2.pth",
        "https://download.pytorch.org/models/resnet101-cd907fc2.pth",
        "cd907fc2",
        "resnet101",
    ),
    torchvision("vgg16-397923af.pth", "https://download.pytorch.org/models/vgg16-397923af.pth", "397923af", "vgg16"),
];

/// The source in [`KNOWN`] whose file is called `name`, for example `densenet121-a639ec97.pth`.
pub fn known(name: &str) -> Option<&'static Source> {
    KNOWN.iter().find(|source| source.name == name)
}

const fn torchvision(
    name: &'static str,
    url: &'static str,
    sha256: &'static str,
    architecture: &'static str,
) -> Source {
    Source {
        name: Cow::Borrowed(name),
        url: Cow::Borrowed(url),
        sha256: Cow::Borrowed(sha256),
        bytes: None,
        architecture: Cow::Borrowed(architecture),
        licence: Cow::Borrowed(TORCHVISION),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_consistent() {
        for (i, source) in KNOWN.iter().enumerate() {
            source.validate().unwrap();
            assert!(source.url.starts_with("https://"), "{}", source.url);
            assert!(source.url.ends_with(&format!("/{}", source.name)), "{}", source.url);
            assert_eq!(source.name, format!("{}-{}.pth", source.architecture, source.sha256));
            assert!(source.matches(&format!("{:0<64}", source.sha256)));
            assert!(!source.licence.is_empty());
            assert!(KNOWN[..i].iter().all(|other| other.name != source.name && other.sha256 != source.sha256));
            assert_eq!(known(&source.name), Some(source));
        }
        for depth in [121, 161, 169, 201] {
            assert!(KNOWN.iter().any(|source| source.architecture == format!("densenet{depth}")));
        }
    }
}
