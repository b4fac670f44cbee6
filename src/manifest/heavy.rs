//! Which files are most likely data or a model and not code.

use std::path::Path;

/// From how many bytes of heavy files on a bundle is too heavy: 200 MiB. Other files do not count.
pub const HEAVY_LIMIT: u64 = 200 * 1024 * 1024;

/// How names of heavy files end, in this case of letters: models and arrays, archives, images, sound and film, 3-D
/// models, tables and databases.
const EXTENSIONS: [&str; 6] = [
    ".onnx .pth .pt .ckpt .bin .safetensors .pb .tflite .h5 .hdf5 .keras .pkl .pickle .joblib .npz .npy .mlx .gguf \
     .ggml .trt .engine",
    ".tar .tar.gz .tgz .zip .7z .rar",
    ".png .jpg .jpeg .gif .bmp .tiff .webp .ico .psd .ai .sketch",
    ".mp4 .mov .avi .mkv .webm .mp3 .wav .flac .ogg .m4a",
    ".stl .obj .fbx .glb .gltf",
    ".jsonl .parquet .arrow .orc .feather .db .sqlite .sqlite3 .dump .bak",
];

/// The exclude pattern that would leave out a file with this path relative to the root, if it is heavy.
pub(super) fn pattern(path: &Path) -> Option<String> {
    if path.starts_with(".git") {
        return Some(".git/**".to_owned());
    }
    let name = path.file_name()?.to_string_lossy();
    let mut extensions = EXTENSIONS.iter().flat_map(|group| group.split_whitespace());
    extensions.find(|extension| name.ends_with(extension)).map(|extension| format!("**/*{extension}"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn heavy_files_are_told_by_their_ending_or_by_git() {
        for (path, expected) in [
            ("model.onnx", Some("**/*.onnx")),
            ("a/b/model.h5", Some("**/*.h5")),
            (".zip", Some("**/*.zip")),
            ("data.tar.gz", Some("**/*.tar.gz")),
            ("data.gz", None),
            ("x.sqlite3", Some("**/*.sqlite3")),
            ("photo.JPG", None),
            ("png", None),
            ("a.png.txt", None),
            (".git/objects/pack/x", Some(".git/**")),
            ("a/.git/x", None),
            (".github/x.yml", None),
        ] {
            assert_eq!(pattern(Path::new(path)).as_deref(), expected, "{path}");
        }
    }
}
