"""Writes test/golden/data. Needs PyTorch >= 1.11 and numpy, nothing else; README.md says what comes out.

python3 make_golden.py               writes every file (on the same PyTorch the same bytes, but for pth_legacy.pth,
                                     a format that stores memory addresses)
python3 make_golden.py --check       compares this module with data made by others: the folder that the
                                     environment variable LUA_WEBGPU_GOLDEN names
... --check --calibration FOLDER     and with a trained model: FOLDER holds NAME.safetensors, NAME.json and
                                     NAME-example.safetensors (inputs `x/latent`, results `x/x2`)
"""

import argparse
import os

import torch

import check
import training
import weight_files
from cases import DATA, Case, network, run_both
from losses import LOSSES
from operators import OPERATORS

BASE = {"mlp_ratio": 2, "img_range": 1.0, "resi_connection": "1conv", "img_size": 64, "window_size": 8}
LIGHT = {
    **BASE,
    "embed_dim": 60,
    "depths": [6, 6, 6, 6],
    "num_heads": [6, 6, 6, 6],
    "upsampler": "pixelshuffledirect",
}
TINY = {**BASE, "embed_dim": 24, "depths": [2, 2], "num_heads": [3, 3], "in_chans": 4}
RGB = {**BASE, "embed_dim": 12, "depths": [2], "in_chans": 3}


def heads(channels, *scales):
    return [{"name": f"x{s}", "scale": s, "out_chans": channels} for s in scales]


RELEASED = {
    **BASE,
    "img_size": 32,
    "window_size": 16,
    "in_chans": 16,
    "embed_dim": 24,
    "depths": [2, 2],
    "num_heads": [2, 2],
    "head_num_feat": 8,
    "heads": heads(16, 2, 4),
}
TINY_HEADS = {
    **BASE,
    "img_size": 16,
    "in_chans": 4,
    "embed_dim": 12,
    "depths": [2],
    "num_heads": [2],
    "head_num_feat": 8,
    "heads": heads(4, 2, 4),
}


def network_case(name, seed, about, config, shapes, center=0.0, amp=1.7):
    """A file with one network and some inputs: `b1h3w5/in.x` -> `b1h3w5/out.x2`, `.x4` (heads) or `.y`."""
    case = Case(name, seed, about)
    net = network(case, config, seed)
    for b, h, w in shapes:
        label = f"b{b}h{h}w{w}"
        wide, narrow = run_both(net, case.input(f"{label}/in.x", [b, config["in_chans"], h, w], center, amp))
        for output in wide:
            case.record(f"{label}/out.{output}", wide[output], narrow[output])
    case.write()
    return net


def stages_case():
    case = Case(
        "light_x2_c4_stages", 2042, "every stage of SwinIR-light x2 on one latent; tokens are [B, H, W, C]"
    )
    net = network(case, {**LIGHT, "upscale": 2, "in_chans": 4}, case.seed)
    wide, narrow = run_both(net, case.input("in.x", [1, 4, 16, 24]), trace=True)
    inner = ("norm1", "attention", "mlp")
    for name in wide:
        layer, *rest = name.split(".")
        block_inside = len(rest) == 2
        wanted = not block_inside or (
            layer == "layer0" and (rest[0] == "block0" or rest == ["block1", "attention"])
        )
        if rest and rest[0].startswith("block") and layer != "layer0":
            wanted = False
        if wanted and name not in ("y", "output"):
            full = block_inside and rest[1] in inner[:2]
            case.record(f"stage.{name}", wide[name], narrow[name], full=full)
    case.record("out.y", wide["y"], narrow["y"])
    case.write()


def write_all():
    DATA.mkdir(exist_ok=True)
    stages_case()
    training.gradients_case(TINY_HEADS)
    training.steps_case(TINY_HEADS)
    network_case(
        "light_x4_c16_3conv",
        2164,
        "SwinIR-light x4, 16 channels, three convolutions per RSTB",
        {**LIGHT, "upscale": 4, "in_chans": 16, "resi_connection": "3conv"},
        [(1, 19, 27)],
    )
    net = network_case(
        "released_window16",
        2801,
        "the released layout: heads x2 and x4, window 16; weights also in released_window16.pth",
        RELEASED,
        [(1, 19, 27)],
    )
    weight_files.write_released(DATA / "released_window16.pth", net, 2801)
    net = network_case(
        "tiny_window8",
        2208,
        "small and odd inputs, batches; weights and buffers also in tiny_window8.pth",
        TINY_HEADS,
        [(1, 1, 1), (1, 1, 9), (1, 5, 1), (1, 3, 5), (1, 7, 8), (2, 9, 16)],
    )
    weight_files.write_with_buffers(DATA / "tiny_window8.pth", net)
    direct = {**TINY, "upsampler": "pixelshuffledirect", "upscale": 2}
    network_case(
        "unshifted_img8_window8",
        2308,
        "img_size = window: no block is shifted",
        {**direct, "img_size": 8},
        [(1, 16, 24)],
    )
    network_case(
        "unshifted_img8_window16",
        2316,
        "img_size 8 < window 16: windows of 8, not shifted; padding still to 16",
        {**direct, "img_size": 8, "window_size": 16},
        [(1, 16, 16), (1, 9, 13)],
    )
    network_case(
        "rgb_pixelshuffle_x4",
        2403,
        "classical SwinIR on RGB in [0, 1], head dim 3",
        {**RGB, "num_heads": [4], "upsampler": "pixelshuffle", "upscale": 4},
        [(1, 9, 11)],
        center=0.5,
        amp=0.5,
    )
    network_case(
        "rgb_nearest_conv_x4",
        2404,
        "real-world SwinIR on RGB in [0, 1], img_range 255, head dim 6",
        {**RGB, "num_heads": [2], "upsampler": "nearest+conv", "upscale": 4, "img_range": 255.0},
        [(1, 9, 11)],
        center=0.5,
        amp=0.5,
    )
    for seed, (name, (build, about)) in enumerate(OPERATORS.items(), start=3001):
        case = Case(name, seed, about)
        build(case)
        case.write()
    for seed, (name, (build, about)) in enumerate(LOSSES.items(), start=3401):
        case = Case(name, seed, about)
        build(case)
        case.write()
    weight_files.write_oddities(DATA)
    total = sum(path.stat().st_size for path in DATA.iterdir())
    print(f"{'all of data/':28s} {total / 1000:7.1f} kB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--calibration", metavar="FOLDER")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.check:
        check.check_all(os.environ.get("LUA_WEBGPU_GOLDEN"), options.calibration)
    else:
        write_all()
