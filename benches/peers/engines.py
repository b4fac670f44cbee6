"""The Python peers. Each function makes an engine ready for batches of one size and returns what computes the logits of
such a batch, `(n, 3, 224, 224)` f32 to `(n, 3)` f32, and a line about the engine."""

from collections import Counter


def densenet201(weights):
    """torchvision's network with the crate's weights, in f32."""
    import torchvision
    from safetensors.torch import load_file

    network = torchvision.models.densenet201(num_classes=3)
    tensors = {name: tensor.float() for name, tensor in load_file(weights).items()}
    missing, unknown = network.load_state_dict(tensors, strict=False)
    if unknown or any(not name.endswith("num_batches_tracked") for name in missing):
        raise SystemExit(f"{weights}: missing {missing}, unknown {unknown}")
    return network.eval().requires_grad_(False)


def onnxruntime(files, batch, threads):
    """All of its graph optimisations, the batch size fixed."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_free_dimension_override_by_name("batch", batch)
    session = ort.InferenceSession(files.onnx, options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {"images": images})[0], f"ONNX Runtime {ort.__version__}"


def openvino(files, batch, threads, precision="f32"):
    """Tuned for latency, the batch size fixed. Without `precision` it chooses one itself: bf16 where the CPU has it."""
    import openvino as ov

    core = ov.Core()
    model = core.read_model(files.onnx)
    model.reshape([batch, 3, 224, 224])
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
    if precision:
        settings["INFERENCE_PRECISION_HINT"] = precision
    compiled = core.compile_model(model, "CPU", settings)
    request = compiled.create_infer_request()
    chosen = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    about = f"OpenVINO {ov.__version__.split('-')[0]}, precision {chosen}, convolutions {_convolutions(compiled)}"
    return lambda images: request.infer({0: images}, share_inputs=True)[0], about


def _convolutions(compiled):
    """Which kernels the convolutions got, and how often: shows which instructions are in use."""
    infos = [operation.get_rt_info() for operation in compiled.get_runtime_model().get_ordered_ops()]
    kernels = Counter(
        info["primitiveType"].astype(str) for info in infos if info["layerType"].astype(str) == "Convolution"
    )
    return ", ".join(f"{count} {kernel}" for kernel, count in kernels.most_common())


def torch(files, batch, threads, compiled=False):
    """Eager, channels last; or compiled with the weights frozen."""
    import torch

    torch.set_num_threads(threads)
    network = densenet201(files.weights).to(memory_format=torch.channels_last)
    about = f"PyTorch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}"
    if compiled:
        import torch._inductor.config as inductor

        inductor.freezing = True
        network = torch.compile(network, dynamic=False)

    def predict(images):
        with torch.no_grad():
            return network(torch.from_numpy(images).to(memory_format=torch.channels_last)).numpy()

    return predict, about


ENGINES = {
    "onnxruntime": onnxruntime,
    "openvino": openvino,
    "openvino-default": lambda *arguments: openvino(*arguments, precision=None),
    "torch": torch,
    "torch-compile": lambda *arguments: torch(*arguments, compiled=True),
}
