//! The classes and functions that a checkpoint may name.
//!
//! Naming is all that happens: a global is never looked up, imported or called. The list is there so that a file which
//! names anything else is refused as a whole instead of being half understood.

use super::super::stored::Stored;
use super::value::Kind;

/// Whole packages: networks, their layers, their training options and picture transforms, pickled as objects.
const PACKAGES: [&str; 12] = [
    "torch.nn.modules",
    "torch.nn.parallel",
    "torch.nn.quantized",
    "torch.optim",
    "torchvision",
    "timm",
    "ultralytics",
    "lightning",
    "lightning_fabric",
    "pytorch_lightning",
    "omegaconf",
    "numpy.dtypes",
];

/// Single names, by module.
const NAMES: [(&str, &[&str]); 26] = [
    ("torch", &["Size", "Tensor", "device"]),
    (
        "torch._utils",
        &[
            "_rebuild_tensor",
            "_rebuild_tensor_v2",
            "_rebuild_tensor_v3",
            "_rebuild_parameter",
            "_rebuild_parameter_with_state",
        ],
    ),
    ("torch._tensor", &["Tensor", "_rebuild_from_type_v2"]),
    ("torch.nn.parameter", &["Parameter", "Buffer", "UninitializedParameter", "UninitializedBuffer"]),
    ("torch.nn.backends.thnn", &["_get_thnn_function_backend"]),
    ("torch.nn.init", &["kaiming_normal_", "xavier_uniform_"]),
    ("torch.storage", &["UntypedStorage", "TypedStorage", "_UntypedStorage", "_TypedStorage"]),
    ("torch.serialization", &["_get_layout"]),
    ("torch.torch_version", &["TorchVersion"]),
    ("torch.nn.functional", &["relu", "gelu", "silu"]),
    ("collections", &["OrderedDict", "defaultdict", "Counter", "deque"]),
    ("builtins", BUILTINS),
    ("__builtin__", BUILTINS),
    ("copyreg", &["_reconstructor"]),
    ("copy_reg", &["_reconstructor"]),
    ("_codecs", &["encode"]),
    ("argparse", &["Namespace"]),
    ("types", &["SimpleNamespace"]),
    ("typing", &["Any", "Dict", "List", "Optional", "Union"]),
    ("datetime", &["date", "datetime", "time", "timedelta", "timezone"]),
    ("pathlib", PATHS),
    ("pathlib._local", PATHS),
    ("numpy", &["dtype", "ndarray", "bool_", "float16", "float32", "float64", "int32", "int64", "uint8"]),
    ("numpy.core.multiarray", &["_reconstruct", "scalar"]),
    ("numpy._core.multiarray", &["_reconstruct", "scalar"]),
    ("numpy.core.numeric", &["_frombuffer"]),
];

/// Python 3.11 writes the member of an enumeration as `getattr(Class, "member")`.
const BUILTINS: &[&str] = &[
    "set",
    "frozenset",
    "list",
    "dict",
    "tuple",
    "int",
    "float",
    "complex",
    "bool",
    "str",
    "unicode",
    "bytes",
    "bytearray",
    "slice",
    "range",
    "object",
    "getattr",
];

const PATHS: &[&str] = &["Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath"];

/// Whether a checkpoint may name `module.name`.
pub(super) fn is_allowed(module: &str, name: &str) -> bool {
    let inside = |package: &&str| module.strip_prefix(*package).is_some_and(|r| r.is_empty() || r.starts_with('.'));
    let named = |(of, names): &(&str, &[&str])| *of == module && names.contains(&name);
    let torch = module == "torch" || module == "torch.cuda";
    PACKAGES.iter().any(|package| inside(&package))
        || NAMES.iter().any(named)
        || (torch && storage_kind(name).is_some())
        || (module == "torch" && (dtype(name).is_some() || OTHER_DTYPES.contains(&name)))
}

/// Types of PyTorch that no tensor here can have; options and optimizers may name them.
const OTHER_DTYPES: [&str; 12] = [
    "complex32",
    "complex64",
    "complex128",
    "qint8",
    "quint8",
    "qint32",
    "float8_e4m3fn",
    "float8_e5m2",
    "strided",
    "contiguous_format",
    "channels_last",
    "preserve_format",
];

/// The numbers of a storage class such as `FloatStorage`.
pub(super) fn storage_kind(class: &str) -> Option<Kind<'_>> {
    let (size, stored) = match class.strip_suffix("Storage")? {
        "Half" => (2, Some(Stored::F16)),
        "BFloat16" => (2, Some(Stored::BF16)),
        "Float" => (4, Some(Stored::F32)),
        "Double" => (8, Some(Stored::F64)),
        "Char" => (1, Some(Stored::I8)),
        "Byte" => (1, Some(Stored::U8)),
        "Short" => (2, Some(Stored::I16)),
        "Int" => (4, Some(Stored::I32)),
        "Long" => (8, Some(Stored::I64)),
        "Bool" => (1, Some(Stored::Bool)),
        "ComplexFloat" => (8, None),
        "ComplexDouble" => (16, None),
        "QInt8" | "QUInt8" => (1, None),
        "QInt32" => (4, None),
        _ => return None,
    };
    Some(Kind { name: class, size, stored })
}

/// A number type of PyTorch by its name, such as `float32`.
pub(in crate::model::checkpoint) fn dtype(name: &str) -> Option<Stored> {
    Some(match name {
        "float16" | "half" => Stored::F16,
        "bfloat16" => Stored::BF16,
        "float32" | "float" => Stored::F32,
        "float64" | "double" => Stored::F64,
        "int8" => Stored::I8,
        "uint8" => Stored::U8,
        "int16" | "short" => Stored::I16,
        "uint16" => Stored::U16,
        "int32" | "int" => Stored::I32,
        "uint32" => Stored::U32,
        "int64" | "long" => Stored::I64,
        "uint64" => Stored::U64,
        "bool" => Stored::Bool,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_checkpoints_need_may_be_named() {
        for (module, name) in [
            ("torch", "FloatStorage"),
            ("torch.cuda", "HalfStorage"),
            ("torch", "bfloat16"),
            ("torch._utils", "_rebuild_tensor_v2"),
            ("torch.nn.modules.conv", "Conv2d"),
            ("ultralytics.nn.tasks", "ClassificationModel"),
            ("torchvision.transforms.transforms", "Compose"),
            ("__builtin__", "set"),
        ] {
            assert!(is_allowed(module, name), "{module}.{name}");
        }
        for (module, name) in [
            ("os", "system"),
            ("posix", "system"),
            ("builtins", "eval"),
            ("__builtin__", "exec"),
            ("torch", "load"),
            ("torch", "hub"),
            ("ultralyticsx", "Model"),
            ("torch.nn", "modules"),
            ("torch._utils", "_rebuild_sparse_tensor"),
            ("subprocess", "Popen"),
            ("", ""),
        ] {
            assert!(!is_allowed(module, name), "{module}.{name}");
        }
    }
}
