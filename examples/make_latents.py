"""Turns photographs into the pictures and the latents of the FLUX.1 VAE family beside this file.

  python3 make_latents.py --encoder taef1_encoder.safetensors --photos FOLDER --out .

FOLDER holds the photographs that sources.json names. Of each: the short side scaled down to 640 and the centre
512x512 cut out (NAME.jpg); that, a half and a quarter of it (Pillow's bicubic with antialias, 8 bits) encoded,
made decoder-ready (z / 0.3611 + 0.1159) and stored as float16, one tensor `latent`: NAME-512 [1, 16, 64, 64],
NAME-256 and NAME-128.
Needs PyTorch >= 1.8, numpy and Pillow. With --decoder taef1_decoder.safetensors it also says how well the
latents decode, and with --pictures FOLDER it leaves the decoded pictures there to look at.
"""

import argparse
import bz2
import json
import pathlib
import struct

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps

SCALING_FACTOR, SHIFT_FACTOR = 0.3611, 0.1159
SHORT_SIDE, SIDES = 640, (512, 256, 128)
STRIDED = {2, 6, 10}  # the encoder's convolutions of stride 2


def read_bfloat16(path):
    """{name: float32 tensor} of a safetensors file that holds nothing but BF16."""
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] != "BF16":
            raise SystemExit(f"{path}: {name} is {entry['dtype']}, expected BF16")
        start, end = entry["data_offsets"]
        bits = np.frombuffer(data[8 + size + start : 8 + size + end], "<u2").astype(np.uint32) << 16
        tensors[name] = torch.from_numpy(bits.view(np.float32).reshape(entry["shape"]).copy())
    return tensors


def write_latent(path, latent, metadata):
    array = latent.numpy().astype("<f2")
    entry = {"dtype": "F16", "shape": list(array.shape), "data_offsets": [0, array.nbytes]}
    text = json.dumps(
        {"__metadata__": metadata, "latent": entry}, ensure_ascii=False, separators=(",", ":")
    ).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + array.tobytes())
    return torch.from_numpy(array.astype(np.float32))


def block(x, weights, index):
    y = x
    for k in (0, 2, 4):
        y = F.conv2d(y, weights[f"{index}.conv.{k}.weight"], weights[f"{index}.conv.{k}.bias"], padding=1)
        if k < 4:
            y = F.relu(y)
    return F.relu(y + x)


def encode(image, weights):
    """[1, 3, H, W] in [0, 1] -> [1, 16, H/8, W/8] in the diffusion scale."""
    x = image
    for index in range(15):
        if f"{index}.conv.0.weight" in weights:
            x = block(x, weights, index)
        else:
            stride = 2 if index in STRIDED else 1
            x = F.conv2d(
                x, weights[f"{index}.weight"], weights.get(f"{index}.bias"), stride=stride, padding=1
            )
    return x


def decode(latent, weights):
    """The reverse; `nn.Sequential` indices 2 (ReLU), 6, 11 and 16 (nearest x2) have no parameters."""
    x = torch.tanh(latent / 3) * 3
    last = max(int(name.split(".")[0]) for name in weights)
    for index in range(1, last + 1):
        if f"{index}.conv.0.weight" in weights:
            x = block(x, weights, index)
        elif f"{index}.weight" in weights:
            x = F.conv2d(x, weights[f"{index}.weight"], weights.get(f"{index}.bias"), padding=1)
        elif index == 2:
            x = F.relu(x)
        else:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
    return x.clamp(0, 1)


def read_photograph(path):
    if path.suffix == ".dat":  # SciPy's: compressed rows of 8-bit RGB
        pixels = np.frombuffer(bz2.decompress(path.read_bytes()), np.uint8)
        return Image.fromarray(pixels.reshape(768, 1024, 3))
    return ImageOps.exif_transpose(Image.open(path)).convert("RGB")


def load_crop(path):
    """The centre 512x512 of the photograph, its short side scaled down to 640."""
    photo = read_photograph(path)
    scale = min(1, SHORT_SIDE / min(photo.size))
    photo = photo.resize([round(side * scale) for side in photo.size], Image.BICUBIC)
    left, top = ((side - SIDES[0]) // 2 for side in photo.size)
    return photo.crop((left, top, left + SIDES[0], top + SIDES[0]))


def to_tensor(image):
    """[1, 3, H, W] in [0, 1]."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255


def psnr(a, b):
    return -10 * torch.log10(((a - b) ** 2).mean()).item()


def save_png(path, image):
    array = (image[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    Image.fromarray(array).save(path)


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encoder", type=pathlib.Path, required=True)
    parser.add_argument("--photos", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--decoder", type=pathlib.Path)
    parser.add_argument("--pictures", type=pathlib.Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    encoder = read_bfloat16(options.encoder)
    decoder = read_bfloat16(options.decoder) if options.decoder else None
    sources = json.loads((pathlib.Path(__file__).parent / "sources.json").read_text())
    for source in sources:
        crop = load_crop(options.photos / source["file"])
        crop.save(options.out / f"{source['name']}.jpg", quality=92)
        for side in SIDES:
            name = f"{source['name']}-{side}"
            pixels = to_tensor(crop if side == SIDES[0] else crop.resize((side, side), Image.BICUBIC))
            metadata = {
                "profile": "flux",
                "latent_scale": "decoder",
                "pixels": f"{side}x{side}",
                "source": f"{source['title']} ({source['file']}, Debian package {source['package']})",
                "author": source["author"],
                "licence": source["licence"],
                "made": f"examples/make_latents.py: short side down to 640, centre 512x512, scaled to {side}, TAESD taef1 encoder, / 0.3611 + 0.1159, float16",
            }
            latent = encode(pixels, encoder) / SCALING_FACTOR + SHIFT_FACTOR
            stored = write_latent(options.out / f"{name}.safetensors", latent, metadata)
            line = f"{name:16s} {list(stored.shape)} mean {stored.mean():+.3f} std {stored.std():.3f}"
            if decoder:
                picture = decode((stored - SHIFT_FACTOR) * SCALING_FACTOR, decoder)
                line += f"  decodes to {psnr(picture, pixels):.2f} dB"
                if options.pictures:
                    save_png(options.pictures / f"{name}-decoded.png", picture)
            print(line)


if __name__ == "__main__":
    main()
