"""Markdown tables of the results."""

PEERS = ("onnxruntime", "openvino")
# What the crate wants to be measured by: a name, and the engines whose times are divided.
COMPARED = (
    ("fused / best f32 peer", "fused", PEERS),
    ("fused / OpenVINO's default precision", "fused", ("openvino-default",)),
    ("fused-bf16 / fused", "fused-bf16", ("fused",)),
    ("fused-bf16 / OpenVINO's default precision", "fused-bf16", ("openvino-default",)),
    ("plain / fused", "plain", ("fused",)),
)


def of_setting(setting):
    """All columns of one number of threads and one batch size, the fastest engine first."""
    engines, batch = setting["engines"], setting["batch"]
    best, plain = fastest(engines, PEERS), fastest(engines, ["plain"])
    rows = [
        (
            name,
            _milliseconds(one["median"] / batch),
            _milliseconds(one["min"] / batch),
            _ratio(one["median"], best),
            _ratio(plain, one["median"]),
            one["cpu"] and _milliseconds(one["cpu"] / batch),
            _number(one["cores"], ".2f"),
            _number(one["peak_mib"], ".0f"),
            _number(one["start"], ".2f"),
            f"{one['difference']:.1e}",
        )
        for name, one in sorted(engines.items(), key=lambda item: item[1]["median"])
    ]
    header = (
        "engine",
        "ms/image",
        "min",
        "/ best peer",
        "x plain",
        "cpu ms",
        "cores",
        "peak MiB",
        "start s",
        "logits off by",
    )
    lines = [f"### batch {batch}, threads {setting['threads']}", "", markdown(header, rows), ""]
    ratios = [f"{label}: {ratio}" for label, ratio in compared(engines)]
    lines += ["; ".join(ratios), ""] if ratios else []
    lines += [f"* {name}: {one['about']}" for name, one in engines.items()]
    lines += [f"* {name} did not run: {reason}" for name, reason in setting["failures"].items()]
    return "\n".join([*lines, ""])


def overview(settings):
    """Milliseconds per image of every engine in every setting."""
    names = list(dict.fromkeys(name for setting in settings for name in setting["engines"]))
    header = ("ms/image", *(f"batch {one['batch']}, {one['threads']} thr." for one in settings))
    rows = [(name, *(_cell(name, setting) for setting in settings)) for name in names]
    return "\n".join(["### all", "", markdown(header, rows), ""])


def markdown(header, rows):
    """A table, its columns padded so that it reads well as text too."""
    lines = [["" if cell is None else str(cell) for cell in line] for line in (header, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join("| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines)


def fastest(engines, names):
    """The least median among those of `names` that ran."""
    return min((engines[name]["median"] for name in names if name in engines), default=None)


def compared(engines):
    """The ratios of `COMPARED` for which both sides ran."""
    ratios = [(label, _ratio(fastest(engines, [ours]), fastest(engines, theirs))) for label, ours, theirs in COMPARED]
    return [(label, ratio) for label, ratio in ratios if ratio]


def _cell(name, setting):
    one = setting["engines"].get(name)
    return _milliseconds(one["median"] / setting["batch"]) if one else ""


def _milliseconds(seconds):
    return f"{seconds * 1e3:.1f}"


def _number(value, form):
    return "" if value is None else format(value, form)


def _ratio(above, below):
    return "" if above is None or below is None else f"{above / below:.2f}"
