"""Compares the module and the operators with data that others made, so that the golden files are not our own opinion."""

import json
import pathlib

import numpy as np
import torch

from losses import run_term
from operators import fft2, gaussian_blur, resize, scharr
from storage import PARAM_RULES, fill_parameters, read_safetensors
from swinir import SwinIR, partition, unpartition, window_attention

LIMIT = 1e-12  # float64 against float64
LIMIT_F32 = 1e-7  # against results that were rounded to float32
STAGES = {
    "01_conv_first": "conv_first",
    "02_patch_embed_norm": "patch_embed.norm",
    **{f"03_layer0_block{j}": f"layer0.block{j}" for j in range(6)},
    "03a_block0_norm1": "layer0.block0.norm1",
    "03d_block0_mlp": "layer0.block0.mlp",
    **{f"04_layer{i}_rstb": f"layer{i}" for i in range(4)},
    "05_final_norm": "norm",
    "06_conv_after_body_before_skip": "conv_after_body",
    "07_upsample_conv_before_shuffle": "upsample.0",
    "08_output": "output",
}


class Report:
    def __init__(self):
        self.bad = 0

    def compare(self, label, actual, expected):
        actual = actual.detach().numpy().reshape(-1)
        limit = LIMIT if expected.dtype == np.float64 else LIMIT_F32
        wide = expected.astype(np.float64).reshape(-1)
        error = np.abs(actual - wide).max() / np.abs(wide).max() if actual.shape == wide.shape else np.inf
        good = bool(error <= limit)
        self.bad += not good
        print(f"{'ok ' if good else 'BAD'} {error:8.1e} (limit {limit:.0e})  {label}")


def tensor(array):
    return torch.from_numpy(np.array(array)).double()


def reference_network(tensors, metadata):
    config, params = json.loads(metadata["config"]), json.loads(metadata["params"])
    config.setdefault("resi_connection", "1conv")
    if "upsampler" not in config:
        config["head_num_feat"] = config["num_feat"]
        config["heads"] = [{"name": f"x{s}", "scale": s, "out_chans": config["in_chans"]} for s in (2, 4)]
    net = SwinIR(config).double().eval()
    explicit = {k.removeprefix("param."): tensor(v) for k, v in tensors.items() if k.startswith("param.")}
    if explicit:
        assert set(explicit) == set(dict(net.named_parameters()))
        net.load_state_dict(explicit, strict=False)
        return net
    described = fill_parameters(
        net, params["seed"], json.loads(metadata.get("param_rules", json.dumps(PARAM_RULES)))
    )
    if described["sha256"] != params["sha256_named_parameters_order"]:
        raise SystemExit("the hashed parameters differ from the reference's")
    return net


def check_networks(report, data):
    for name in (
        "swinir_light_x2_c4_1conv",
        "swinir_light_x4_c16_3conv",
        "lua_released_window16_embed24",
        "swinir_tiny_x2_c4_singlewindow_grad",
    ):
        tensors, metadata = read_safetensors(data / f"{name}.safetensors")
        net = reference_network(tensors, metadata)
        for key in sorted(k for k in tensors if k.endswith("in.x")):
            for output, value in net(tensor(tensors[key])).items():
                report.compare(f"{name} {key} {output}", value, tensors[key.replace("in.x", f"out.{output}")])
    stem = data / "lua_released_window16_embed24"
    stored = torch.load(f"{stem}.pth", map_location="cpu")["params_ema"]
    tensors, metadata = read_safetensors(f"{stem}.safetensors")
    net = reference_network(tensors, metadata)
    print("    names in the .pth that the module lacks or adds:", sorted(set(stored) ^ set(net.state_dict())))
    same = all(
        torch.equal(stored[k].double(), v.double()) for k, v in net.state_dict().items() if k in stored
    )
    report.bad += not same
    print("ok " if same else "BAD", "         parameters and buffers of the .pth equal the module's")


def check_stages(report, data):
    tensors, metadata = read_safetensors(data / "swinir_light_x2_c4_stages.safetensors")
    net, trace = reference_network(tensors, metadata), {}
    net(tensor(tensors["in.x"]), trace)
    for theirs, ours in STAGES.items():
        report.compare(f"stage {theirs}", trace[ours], tensors[f"stage.{theirs}"])
    plain = partition(trace["layer0.block0.attention"], 8)
    shifted = partition(torch.roll(trace["layer0.block1.attention"], (-4, -4), (1, 2)), 8)
    report.compare("stage 03b_block0_attn_windows", plain, tensors["stage.03b_block0_attn_windows"])
    report.compare(
        "stage 03c_block1_attn_windows_shifted", shifted, tensors["stage.03c_block1_attn_windows_shifted"]
    )


def check_operators(report, data):
    tensors, _ = read_safetensors(data / "op_window_attention.safetensors")
    for name, window, shift in (
        ("ws8_shift4", 8, 4),
        ("ws8_noshift", 8, 0),
        ("ws4_shift2", 4, 2),
        ("ws8_shift4_onewindow", 8, 4),
    ):
        batch, height, width, _ = tensors[f"{name}/in.image_bhwc"].shape
        parts = [tensor(tensors[f"{name}/core/in.{p}"]) for p in "qkv"]
        count, heads, tokens, dim = parts[0].shape
        qkv = (
            torch.stack(parts, 1)
            .permute(0, 3, 1, 2, 4)
            .reshape(batch, count // batch, tokens, 3 * heads * dim)
        )
        image = torch.roll(unpartition(qkv, window, height, width), (shift, shift), (1, 2))
        out = window_attention(image, tensor(tensors[f"{name}/core/in.table"]), heads, window, shift)
        out = partition(torch.roll(out, (-shift, -shift), (1, 2)), window)
        report.compare(f"op_window_attention {name}", out, tensors[f"{name}/core/out.y"])
    tensors, _ = read_safetensors(data / "op_gaussian_blur.safetensors")
    report.compare(
        "op_gaussian_blur k5_s1.0/reflect",
        gaussian_blur(tensor(tensors["in.x"])),
        tensors["k5_s1.0/reflect/out.y"],
    )
    tensors, _ = read_safetensors(data / "op_scharr.safetensors")
    for value, axis in zip(scharr(tensor(tensors["zeros/in.x"])), "xy"):
        report.compare(f"op_scharr zeros g{axis}", value, tensors[f"zeros/out.g{axis}"])
    tensors, _ = read_safetensors(data / "op_bicubic.safetensors")
    for name in ("down2", "down4", "odd_down2", "odd_down4", "up2", "up4", "up2p7"):
        for label, antialias in (("torch_noaa", False), ("torch_aa", True)):
            expected = tensors[f"{name}/{label}/out.y"]
            value = resize(tensor(tensors[f"{name}/in.x"]), expected.shape[2:], "bicubic", antialias)
            report.compare(f"op_bicubic {name}/{label}", value, expected)
    tensors, _ = read_safetensors(data / "op_fft2.safetensors")
    for key in sorted(k for k in tensors if k.endswith("/in.x")):
        report.compare(
            f"op_fft2 {key}", fft2(tensor(tensors[key])), tensors[key.replace("in.x", "out.fft2_backward")]
        )


LUA_TERMS = {
    "z_l1": ("l1_latent", {}),
    "z_fft_backward": ("fft_latent", {}),
    "x_ds2_aa": ("downsample", {}),
    "x_ds4_aa": ("downsample", {"factor": 4}),
    "x_hf_k5_s1": ("high_frequency", {}),
    "x_hf_k9_s2": ("high_frequency", {"kernel_size": 9, "sigma": 2.0}),
    "x_l1": ("l1_pixel", {}),
    "x_fft_backward": ("fft_pixel", {}),
    "x_eagle_official": ("eagle", {"high_pass": "original"}),
}


@torch.enable_grad()
def check_loss(report, label, term, options, inputs, expected):
    """Value and gradient of one loss; inputs are (prediction, target), expected (value, gradient)."""
    p, t = (tensor(each) for each in inputs)
    p.requires_grad_()
    loss = run_term(term, p, t, options)
    loss.backward()
    for what, value, wanted in zip(("value", "gradient"), (loss, p.grad), expected):
        report.compare(f"{label} {what}", value, wanted)


def check_losses(report, data):
    tensors, _ = read_safetensors(data / "loss_lua_terms.safetensors")
    for name, (term, options) in LUA_TERMS.items():
        inputs = [tensors[f"in.{name[0]}_{role}"] for role in ("pred", "target")]
        expected = [tensors[f"{name}/out.loss"], tensors[f"{name}/grad.pred"]]
        check_loss(report, f"loss_lua_terms {name}", term, options, inputs, expected)
    tensors, _ = read_safetensors(data / "loss_eagle.safetensors")
    for name in sorted(k.split("/")[0] for k in tensors if k.endswith("in.pred")):
        patch, _, cutoff = name.split("_p")[1].removesuffix("_trailing").partition("_c")
        options = {"patch_size": int(patch), "cutoff": float(cutoff or 0.5)}
        inputs = [tensors[f"{name}/in.{role}"] for role in ("pred", "target")]
        for kind, loss, gradient in (
            ("original", "official_loss", "official_pred"),
            ("gaussian", "variant.mask_gauss_hp.loss", "variant.mask_gauss_hp.pred"),
        ):
            expected = [tensors[f"{name}/out.{loss}"], tensors[f"{name}/grad.{gradient}"]]
            check_loss(report, f"loss_eagle {name} {kind}", "eagle", {**options, "high_pass": kind}, inputs, expected)


def check_calibration(report, folder):
    """A model that was trained: its weights, its config file, its results on real latents."""
    for example in sorted(folder.glob("*-example.safetensors")):
        stem = str(example).removesuffix("-example.safetensors")
        net = SwinIR(json.loads(pathlib.Path(f"{stem}.json").read_text())).double().eval()
        weights, _ = read_safetensors(f"{stem}.safetensors")
        missing = net.load_state_dict({k: tensor(v) for k, v in weights.items()}, strict=False)
        assert not missing.unexpected_keys and all(
            "relative_position_index" in k or "attn_mask" in k for k in missing.missing_keys
        )
        tensors, _ = read_safetensors(example)
        for key in sorted(k for k in tensors if k.endswith("/latent")):
            for output, value in net(tensor(tensors[key])).items():
                report.compare(
                    f"{example.stem} {key} {output}", value, tensors[key.replace("latent", output)]
                )


@torch.no_grad()
def check_all(folder, calibration):
    report = Report()
    if not folder and not calibration:
        raise SystemExit("name a folder in LUA_WEBGPU_GOLDEN, or one with --calibration")
    if folder:
        data = pathlib.Path(folder) / "data"
        check_networks(report, data)
        check_stages(report, data)
        check_operators(report, data)
        check_losses(report, data)
    if calibration:
        check_calibration(report, pathlib.Path(calibration))
    if report.bad:
        raise SystemExit(f"{report.bad} comparisons failed")
    print("all comparisons hold")
