//! The built-in visualizers against NumPy's numbers.

use candle_core::{DType, Device, Tensor};
use leap_binder::binder::visualizers::{
    BUILTIN, default_audio_visualizer, graph, horizontal_bar, image, image_mask, raw_data, rescale, text, text_mask,
    video,
};
use leap_binder::contract::{AudioVisual, LeapDataType, LeapImage};
use serde_json::Value;

use super::{bytes, fixture, full, zeros};

/// A fixture's tensor.
fn tensor(json: &Value) -> Tensor {
    let shape: Vec<usize> = serde_json::from_value(json["shape"].clone()).unwrap();
    let count: usize = shape.iter().product();
    let values: Vec<f64> = match json["values"].as_array() {
        Some(texts) => texts.iter().map(|text| text.as_str().unwrap().parse().unwrap()).collect(),
        None => {
            let step = json["values"]["step"].as_f64().unwrap() as f32;
            (0..count).map(|place| f64::from(place as f32 * step)).collect()
        }
    };
    let dtype = match json["dtype"].as_str().unwrap() {
        "float32" => DType::F32,
        "float64" => DType::F64,
        "uint8" => DType::U8,
        "int64" => DType::I64,
        other => panic!("{other}"),
    };
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
}

fn levels(xs: &Tensor) -> Vec<u8> {
    xs.flatten_all().unwrap().to_vec1().unwrap()
}

fn expected<T: serde::de::DeserializeOwned>(json: &Value) -> Vec<T> {
    serde_json::from_value(json.clone()).unwrap()
}

fn picture(visual: &AudioVisual) -> &LeapImage {
    let AudioVisual::Image(image) = visual else { panic!("{visual:?}") };
    image
}

/// Rows VIS-030 and VIS-031.
#[test]
fn rescaling_is_numpys() {
    for (name, case) in fixture("visual.json")["rescaled"].as_object().unwrap() {
        let found = rescale(&tensor(&case["data"])).unwrap();
        assert_eq!(levels(&found), expected::<u8>(&case["levels"]), "{name}");
        if let Some(top) =
            [("ramp", 254), ("bytes", 254), ("constant", 0), ("double", 255)].iter().find(|top| top.0 == name)
        {
            assert_eq!(levels(&found).into_iter().max(), Some(top.1), "{name}");
        }
    }
    assert_eq!(levels(&rescale(&Tensor::new(&[1f32, f32::NAN, 3.0], &Device::Cpu).unwrap()).unwrap()), [0; 3]);
    assert!(rescale(&zeros((0, 2), DType::F32)).is_err());
}

/// Row VIS-032, and the other visualizers of item 0.
#[test]
fn pictures_take_item_0() {
    let case = &fixture("visual.json")["image"];
    let batch = tensor(&case["data"]);
    let drawn = image(&batch).unwrap();
    assert_eq!((drawn.data().dims(), drawn.compress()), (&[4, 5, 3][..], true));
    assert_eq!(levels(drawn.data()), expected::<u8>(&case["levels"]));
    assert!(image(&zeros((0, 4, 5, 3), DType::F32)).is_err() && image(&full(0.0, ())).is_err());
    assert!(image(&zeros((1, 4, 5), DType::F32)).unwrap_err().to_string().contains("Image must be of shape 3."));
    let frames = video(&bytes(9, (2, 3, 4, 5, 1))).unwrap();
    assert_eq!((frames.data().dims(), frames.data().dtype()), (&[3, 4, 5, 1][..], DType::U8));
    assert_eq!(graph(&full(0.5, (2, 7, 3))).unwrap().data().dims(), [7, 3]);
    assert!(graph(&zeros((2, 7, 3), DType::F64)).unwrap_err().to_string().contains("got float64, instead of"));
    let bars = horizontal_bar(&Tensor::new(&[[0.5f32, 2.0], [9.0, 9.0]], &Device::Cpu).unwrap()).unwrap();
    assert_eq!((bars.body(), bars.labels(), bars.gt()), (&[0.5, 2.0][..], &["0".into(), "1".into()][..], None));
    assert!(horizontal_bar(&full(0.5, (1, 2, 2))).unwrap_err().to_string().contains("body must be of shape 1."));
}

/// Row VIS-033.
#[test]
fn raw_data_is_numpys_print() {
    let fixture = fixture("visual.json");
    let cases = fixture["printed"].as_object().unwrap();
    assert!(cases.len() > 30);
    for (name, case) in cases {
        assert_eq!(raw_data(&tensor(&case["data"])).unwrap().data(), [case["text"].as_str().unwrap()], "{name}");
    }
    assert_eq!(raw_data(&Tensor::new(&[[1f32, 2.5]], &Device::Cpu).unwrap()).unwrap().data(), ["[[1.  2.5]]"]);
}

/// Row VIS-034.
#[test]
fn words_are_pythons_texts() {
    for case in fixture("visual.json")["words"].as_array().unwrap() {
        let words = tensor(&case["data"]);
        assert_eq!(text(&words).unwrap().data(), expected::<String>(&case["text"]));
        assert_eq!(text(&words.unsqueeze(0).unwrap()).unwrap().data(), expected::<String>(&case["text"]));
    }
    let batch = Tensor::new(&[[1i64, 2], [3, 4]], &Device::Cpu).unwrap();
    assert_eq!(text(&batch).unwrap().data(), ["1", "3"]);
    assert_eq!(text(&batch.unsqueeze(0).unwrap()).unwrap().data(), ["[1, 2]"]);
    assert_eq!(text(&batch.reshape((2, 2, 1)).unwrap()).unwrap().data(), ["[1]", "[3]"]);
    assert!(text(&zeros((2, 0), DType::F32)).is_err() && text(&full(1.0, ())).is_err());
    assert!(text(&zeros((0, 2), DType::F32)).unwrap().data().is_empty());
}

/// Rows VIS-035 and VIS-036.
#[test]
fn masks_take_the_greatest_score() {
    let case = &fixture("visual.json")["one_hot"];
    let one_hot = tensor(&case["mask"]);
    let drawn = image_mask(&one_hot, &bytes(7, (1, 2, 2, 3))).unwrap();
    assert_eq!((drawn.mask().dims(), levels(drawn.mask())), (&[2, 2][..], expected::<u8>(&case["classes"])));
    assert_eq!((drawn.labels(), drawn.image().dtype()), (&["0", "1", "2"].map(String::from)[..], DType::F32));
    assert_eq!(drawn.image().dims(), [2, 2, 3]);
    let classes = Tensor::new(&[[0f32, 1.9], [1.0, 300.0]], &Device::Cpu).unwrap();
    let flat = image_mask(&classes, &bytes(7, (2, 2, 3))).unwrap();
    assert_eq!((levels(flat.mask()), flat.labels()), (vec![0, 1, 1, 44], &["0", "1"].map(String::from)[..]));
    let one = image_mask(&classes.reshape((1, 2, 2, 1)).unwrap(), &bytes(7, (2, 2, 3))).unwrap();
    assert_eq!((levels(one.mask()), one.labels().len()), (vec![0, 1, 1, 44], 1));
    let two = image_mask(&full(0.0, (2, 2, 2, 3)), &bytes(7, (2, 2, 3)));
    assert!(two.unwrap_err().to_string().contains("image mask must be of shape 2."));
    let ties = Tensor::new(&[[[1f32, 1.0], [f32::NAN, 2.0]]], &Device::Cpu).unwrap();
    assert_eq!(levels(image_mask(&ties.unsqueeze(0).unwrap(), &bytes(7, (1, 1, 2, 3))).unwrap().mask()), [0, 0]);
}

#[test]
fn text_masks_take_item_0() {
    let words = Tensor::new(&[[5i64, 6], [7, 8]], &Device::Cpu).unwrap();
    let masked = text_mask(&Tensor::new(&[[0u8, 1], [9, 9]], &Device::Cpu).unwrap(), &words).unwrap();
    assert_eq!((masked.mask(), masked.text()), (&[0, 1][..], &["5", "6"].map(String::from)[..]));
    assert_eq!(masked.labels(), ["0", "1"]);
    let scores = Tensor::new(&[[[0.1f32, 0.2, 0.7], [0.9, 0.1, 0.0]]], &Device::Cpu).unwrap();
    let masked = text_mask(&scores, &words).unwrap();
    assert_eq!((masked.mask(), masked.labels().len()), (&[2, 0][..], 3));
    assert_eq!(text_mask(&words.reshape((1, 4, 1)).unwrap(), &words).unwrap().mask(), [5, 6, 7, 8]);
    let deep = text_mask(&full(0.0, (1, 2, 2, 3)), &words).unwrap_err();
    assert!(deep.to_string().contains("text mask must be of shape 1."));
}

/// Row VIS-037, and channels.
#[test]
fn sound_is_drawn_as_its_waveform() {
    let fixture = fixture("visual.json");
    let case = &fixture["audio"];
    let sound = default_audio_visualizer(&tensor(&case["data"]), 100, None, -1).unwrap();
    let AudioVisual::Graph(waveform) = sound.visual() else { panic!("{sound:?}") };
    let points = waveform.data().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert_eq!((waveform.data().dims()[0], sound.audio().len()), (case["count"].as_u64().unwrap() as usize, 4500));
    assert_eq!(points[2247..], expected::<f32>(&case["last"]));
    assert_eq!(waveform.x_range(), Some((0.0, 45.0)));
    assert_eq!((waveform.x_label(), waveform.y_label()), (Some("Time [s]"), Some("Amplitude")));
    let case = &fixture["stereo"];
    let mono: Vec<f32> = expected(&case["mono"]);
    for channels in [&case["data"], &case["turned"]] {
        let data = tensor(channels).unsqueeze(0).unwrap();
        assert_eq!(default_audio_visualizer(&data, 8, None, -1).unwrap().audio(), mono);
    }
    let wrong = [full(0.0, (2, 3, 4)), full(0.0, (1, 1))];
    assert!(wrong.iter().all(|sound| default_audio_visualizer(sound, 8, None, -1).is_err()));
    assert!(default_audio_visualizer(&full(0.0, 4), 0, None, -1).unwrap_err().to_string().contains("got 0"));
}

/// Row VIS-038.
#[test]
fn spectrograms_have_time_to_the_right() {
    let case = &fixture("visual.json")["spectrogram"];
    let (sound, data) = (full(0.5, 8), tensor(&case["data"]));
    let drawn = |axis| default_audio_visualizer(&sound, 8, Some(&data), axis).unwrap();
    for (axis, shape, key) in
        [(-1, [3, 2, 1], "levels"), (1, [3, 2, 1], "levels"), (0, [2, 3, 1], "turned"), (-2, [2, 3, 1], "turned")]
    {
        let sound = drawn(axis);
        let picture = picture(sound.visual());
        assert_eq!((picture.data().dims(), levels(picture.data())), (&shape[..], expected(&case[key])), "{axis}");
    }
    let given = default_audio_visualizer(&sound, 8, Some(&bytes(9, (2, 3, 3))), 0).unwrap();
    assert_eq!(levels(picture(given.visual()).data()), [9; 18]);
    assert!(default_audio_visualizer(&sound, 8, Some(&bytes(9, (2, 3, 2))), 0).is_err());
    assert!(default_audio_visualizer(&sound, 8, Some(&bytes(9, (1, 2, 3, 3))), 0).is_err());
}

/// Row VIS-002: the recorded names, types and arguments, in order.
#[test]
fn eight_are_registered() {
    let found = BUILTIN.map(|visualizer| (visualizer.name, visualizer.data_type, visualizer.arguments));
    use LeapDataType::{Graph, HorizontalBar, Image, ImageMask, Text, TextMask, Video};
    let data: &[&str] = &["data"];
    assert_eq!(
        found,
        [
            ("Image", Image, data),
            ("Video", Video, data),
            ("Graph", Graph, data),
            ("RawData", Text, data),
            ("HorizontalBar", HorizontalBar, data),
            ("Text", Text, data),
            ("ImageMask", ImageMask, &["mask", "image"]),
            ("TextMask", TextMask, &["mask", "text_data"]),
        ]
    );
    let inputs = [
        full(0.5, (1, 2, 2, 3)),
        full(0.5, (1, 1, 2, 2, 3)),
        full(0.5, (1, 2, 2)),
        full(0.5, (1, 2)),
        full(0.5, (1, 2)),
        full(0.5, (1, 2)),
        full(0.5, (1, 2, 2, 3)),
        full(0.5, (1, 2)),
    ];
    for (visualizer, xs) in BUILTIN.iter().zip(&inputs) {
        let tensors = vec![xs; visualizer.arguments.len()];
        assert_eq!(visualizer.draw(&tensors).unwrap().data_type(), visualizer.data_type);
        assert!(visualizer.draw(&[xs, xs, xs]).is_err());
    }
}
