"""Writes the files vae_*.safetensors of test/golden/data. Needs PyTorch >= 1.11 and numpy.

python3 make_vae_golden.py                   the small networks with hashed parameters
python3 make_vae_golden.py --weights FOLDER  and what the published TAESD weights in FOLDER give for one small image:
                                             <name>_encoder.safetensors and <name>_decoder.safetensors of taesd,
                                             taesdxl, taesd3 and taef1 (huggingface.co/madebyollin/<name>). The
                                             weights themselves are not stored.
"""

import argparse
import pathlib

import torch

from make_golden import Case
from storage import fill_parameters, read_safetensors
from vae import PARAM_RULES, AutoencoderKL, Taesd

# channels, scaling_factor, shift_factor
PROFILES = {
    "taesd": (4, 0.18215, 0.0),
    "taesdxl": (4, 0.13025, 0.0),
    "taesd3": (16, 1.5305, 0.0609),
    "taef1": (16, 0.3611, 0.1159),
}
TINY = {"profile": "taesd3", "width": 8, "blocks": [[1, 2, 1], [2, 1, 1]]}
KL = {
    "_class_name": "AutoencoderKL",
    "act_fn": "silu",
    "block_out_channels": [32, 64],
    "down_block_types": ["DownEncoderBlock2D"] * 2,
    "force_upcast": True,
    "in_channels": 3,
    "latent_channels": 4,
    "layers_per_block": 1,
    "norm_num_groups": 32,
    "out_channels": 3,
    "sample_size": 16,
    "scaling_factor": 0.13025,
    "up_block_types": ["UpDecoderBlock2D"] * 2,
}
KL_WITHOUT_QUANT = {
    **KL,
    "block_out_channels": [32, 32, 32],
    "down_block_types": ["DownEncoderBlock2D"] * 3,
    "up_block_types": ["UpDecoderBlock2D"] * 3,
    "latent_channels": 16,
    "layers_per_block": 2,
    "mid_block_add_attention": True,
    "scaling_factor": 0.3611,
    "shift_factor": 0.1159,
    "use_quant_conv": False,
    "use_post_quant_conv": False,
}


def kink_margin(net, z):
    """The least |operand| of a ReLU of the decoder, in standard deviations of its layer."""
    least = []
    measure = lambda _, operands: least.append((operands[0].abs().min() / operands[0].std()).item())
    hooks = [m.register_forward_pre_hook(measure) for m in net.modules() if isinstance(m, torch.nn.ReLU)]
    with torch.no_grad():
        net.double().decode(z)
    for hook in hooks:
        hook.remove()
    return min(least, default=1.0)


def record_vae(case, net, label, batch, channels, height, width, stride, shift, amp):
    """`out.latent` of `in.image`, `out.image` of `in.latent`, and the gradient of sum(out.image * in.cotangent)."""
    prefix = f"{label}/" if label else ""
    image = case.input(f"{prefix}in.image", [batch, 3, height, width], 0.5, 0.5)
    z = case.input(f"{prefix}in.latent", [batch, channels, height // stride, width // stride], shift, amp)
    cotangent = case.input(f"{prefix}in.cotangent", [batch, 3, height, width])
    # A sign that differs in float32 would change the gradient by far more than rounding does: take another seed.
    assert kink_margin(net, z) > 5e-6, (case.name, label, kink_margin(net, z))
    results = []
    for dtype in (torch.float32, torch.float64):
        net.to(dtype)
        leaf = z.to(dtype).clone().requires_grad_()
        decoded = net.decode(leaf)
        (decoded * cotangent.to(dtype)).sum().backward()
        with torch.no_grad():
            latent = net.encode(image.to(dtype))
        results.append({"latent": latent, "image": decoded.detach(), "gradient": leaf.grad})
    narrow, wide = results
    for name in wide:
        case.record(f"{prefix}out.{name}", wide[name], narrow[name])


def taesd_of(profile, **shape):
    return Taesd(*PROFILES[profile], **shape).double().eval()


def tiny_case():
    case = Case("vae_tiny", 4101, "TAESD of width 8 with three resolutions; parameter names as in the original")
    net = taesd_of(TINY["profile"], width=TINY["width"], blocks=TINY["blocks"])
    channels, scale, shift = PROFILES[TINY["profile"]]
    case.metadata["config"] = TINY
    case.metadata["params"] = fill_parameters(net, case.seed, PARAM_RULES)
    record_vae(case, net, "", 2, channels, 12, 20, 4, shift, 1.7 / scale)
    case.write()


def kl_case(name, seed, about, config):
    case = Case(name, seed, about)
    net = AutoencoderKL(config).double().eval()
    case.metadata["config"] = config
    case.metadata["params"] = fill_parameters(net, seed, PARAM_RULES)
    stride = 2 ** (len(config["block_out_channels"]) - 1)
    record_vae(case, net, "", 2, config["latent_channels"], 8, 12, stride, 0.0, 1.7)
    case.write()


def load(module, path):
    tensors, _ = read_safetensors(path)
    module.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in tensors.items()})


def published_case(folder):
    case = Case("vae_published", 4300, "the published TAESD weights on images of hashed values")
    for name, (channels, scale, shift) in PROFILES.items():
        net = taesd_of(name)
        load(net.encoder, folder / f"{name}_encoder.safetensors")
        load(net.decoder, folder / f"{name}_decoder.safetensors")
        record_vae(case, net, name, 1, channels, 16, 24, 8, shift, 1.7 / scale)
    case.write()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", metavar="FOLDER", type=pathlib.Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    tiny_case()
    kl_case("vae_kl", 4102, "AutoencoderKL with two resolutions and quantisation convolutions", KL)
    kl_case("vae_kl_without_quant", 4103, "the same without them, three resolutions, 16 channels", KL_WITHOUT_QUANT)
    if options.weights:
        published_case(options.weights)
