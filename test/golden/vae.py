"""The VAEs as PyTorch modules: TAESD in its original layout, AutoencoderKL in diffusers'."""

import torch
import torch.nn.functional as F
from torch import nn

# The first pattern found in the name wins; see storage.py.
PARAM_RULES = [
    [r"norm\w*\.weight$", 1.0, 0.25],
    [r"\.bias$", 0.0, 0.1],
    [r"\.weight$", 0.0, "g1.0"],
]


def conv(width_in, width_out, **options):
    return nn.Conv2d(width_in, width_out, 3, padding=1, **options)


class TinyBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Sequential(
            conv(width, width), nn.ReLU(), conv(width, width), nn.ReLU(), conv(width, width)
        )
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(self.conv(x) + x)


class Clamp(nn.Module):
    def forward(self, x):
        return torch.tanh(x / 3) * 3


def taesd_encoder(channels, width=64, blocks=(1, 3, 3, 3)):
    """[0, 1] to the diffusion scale."""
    layers = []
    for stage, count in enumerate(blocks):
        layers.append(conv(width, width, stride=2, bias=False) if stage else conv(3, width))
        layers += [TinyBlock(width) for _ in range(count)]
    return nn.Sequential(*layers, conv(width, channels))


def taesd_decoder(channels, width=64, blocks=(3, 3, 3, 1)):
    """The diffusion scale to [0, 1]."""
    layers = [Clamp(), conv(channels, width), nn.ReLU()]
    for stage, count in enumerate(blocks):
        layers += [TinyBlock(width) for _ in range(count)]
        if stage < len(blocks) - 1:
            layers += [nn.Upsample(scale_factor=2), conv(width, width, bias=False)]
    return nn.Sequential(*layers, conv(width, 3))


class Taesd(nn.Module):
    """Images in [0, 1], latents decoder-ready: z = latent / scaling_factor + shift_factor."""

    def __init__(self, channels, scale, shift, **shape):
        super().__init__()
        blocks = shape.pop("blocks", None)
        self.encoder = taesd_encoder(channels, **shape, **({"blocks": blocks[0]} if blocks else {}))
        self.decoder = taesd_decoder(channels, **shape, **({"blocks": blocks[1]} if blocks else {}))
        self.scale, self.shift = scale, shift

    def encode(self, image):
        return self.encoder(image) / self.scale + self.shift

    def decode(self, z):
        return self.decoder((z - self.shift) * self.scale)


class Resnet(nn.Module):
    def __init__(self, width_in, width_out, groups):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, width_in, eps=1e-6)
        self.conv1 = conv(width_in, width_out)
        self.norm2 = nn.GroupNorm(groups, width_out, eps=1e-6)
        self.conv2 = conv(width_out, width_out)
        if width_in != width_out:
            self.conv_shortcut = nn.Conv2d(width_in, width_out, 1)

    def forward(self, x):
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return h + (self.conv_shortcut(x) if hasattr(self, "conv_shortcut") else x)


class Attention(nn.Module):
    def __init__(self, width, groups):
        super().__init__()
        self.group_norm = nn.GroupNorm(groups, width, eps=1e-6)
        self.to_q, self.to_k, self.to_v = (nn.Linear(width, width) for _ in range(3))
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, x):
        tokens = self.group_norm(x).flatten(2).transpose(1, 2)
        q, k, v = self.to_q(tokens), self.to_k(tokens), self.to_v(tokens)
        scores = q @ k.transpose(1, 2) / tokens.shape[2] ** 0.5
        out = self.to_out[0](scores.softmax(-1) @ v)
        return x + out.transpose(1, 2).reshape(x.shape)


class Mid(nn.Module):
    def __init__(self, width, groups):
        super().__init__()
        self.attentions = nn.ModuleList([Attention(width, groups)])
        self.resnets = nn.ModuleList([Resnet(width, width, groups) for _ in range(2)])

    def forward(self, x):
        return self.resnets[1](self.attentions[0](self.resnets[0](x)))


class Resample(nn.Module):
    def __init__(self, width, down):
        super().__init__()
        self.down = down
        self.conv = nn.Conv2d(width, width, 3, stride=2) if down else conv(width, width)

    def forward(self, x):
        if self.down:
            return self.conv(F.pad(x, (0, 1, 0, 1)))
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Stage(nn.Module):
    """The blocks of one resolution, and the step to the next."""

    def __init__(self, width_in, width_out, count, groups, down, last):
        super().__init__()
        self.resnets = nn.ModuleList(
            [Resnet(width_out if i else width_in, width_out, groups) for i in range(count)]
        )
        self.name = "downsamplers" if down else "upsamplers"
        if not last:
            setattr(self, self.name, nn.ModuleList([Resample(width_out, down)]))

    def forward(self, x):
        for resnet in self.resnets:
            x = resnet(x)
        for resample in getattr(self, self.name, []):
            x = resample(x)
        return x


def stages(widths, count, groups, down):
    before = [widths[0], *widths[:-1]]
    last = len(widths) - 1
    return nn.ModuleList(
        [Stage(a, b, count, groups, down, i == last) for i, (a, b) in enumerate(zip(before, widths))]
    )


class Encoder(nn.Module):
    def __init__(self, widths, channels, count, groups):
        super().__init__()
        self.conv_in = conv(3, widths[0])
        self.down_blocks = stages(widths, count, groups, True)
        self.mid_block = Mid(widths[-1], groups)
        self.conv_norm_out = nn.GroupNorm(groups, widths[-1], eps=1e-6)
        self.conv_out = conv(widths[-1], 2 * channels)

    def forward(self, x):
        x = self.conv_in(x)
        for block in self.down_blocks:
            x = block(x)
        return self.conv_out(F.silu(self.conv_norm_out(self.mid_block(x))))


class Decoder(nn.Module):
    def __init__(self, widths, channels, count, groups):
        super().__init__()
        self.conv_in = conv(channels, widths[-1])
        self.up_blocks = stages(widths[::-1], count + 1, groups, False)
        self.mid_block = Mid(widths[-1], groups)
        self.conv_norm_out = nn.GroupNorm(groups, widths[0], eps=1e-6)
        self.conv_out = conv(widths[0], 3)

    def forward(self, x):
        x = self.mid_block(self.conv_in(x))
        for block in self.up_blocks:
            x = block(x)
        return self.conv_out(F.silu(self.conv_norm_out(x)))


class AutoencoderKL(nn.Module):
    """Images in [0, 1] outside, [-1, 1] inside; encode gives the posterior's mean."""

    def __init__(self, config):
        super().__init__()
        channels = config["latent_channels"]
        shape = (config["block_out_channels"], channels, config["layers_per_block"], config["norm_num_groups"])
        self.encoder = Encoder(*shape)
        self.decoder = Decoder(*shape)
        if config.get("use_quant_conv", True):
            self.quant_conv = nn.Conv2d(2 * channels, 2 * channels, 1)
        if config.get("use_post_quant_conv", True):
            self.post_quant_conv = nn.Conv2d(channels, channels, 1)

    def encode(self, image):
        moments = self.encoder(2 * image - 1)
        if hasattr(self, "quant_conv"):
            moments = self.quant_conv(moments)
        return moments.chunk(2, dim=1)[0]

    def decode(self, z):
        if hasattr(self, "post_quant_conv"):
            z = self.post_quant_conv(z)
        return (self.decoder(z) + 1) / 2
