"""The SwinIR trunk with LUA's heads or the original upsamplers, in PyTorch, as an independent yardstick.

Written for reading rather than speed: tokens stay in image order, windows are cut inside `window_attention` alone,
and masks are computed from coordinates for the size at hand. State-dict names are those of the published
checkpoints, buffers included. Pass a dict as `trace` to `forward` to collect the intermediate stages.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

RGB_MEAN = (0.4488, 0.4371, 0.4040)


def relative_position_index(window):
    """int64 [w*w, w*w]: the row of the bias table for query i and key j of one window."""
    position = torch.arange(window * window)
    dy = (position // window)[:, None] - (position // window)[None] + window - 1
    dx = (position % window)[:, None] - (position % window)[None] + window - 1
    return dy * (2 * window - 1) + dx


def partition(x, window):
    """[B, H, W, C] -> [B, windows, w*w, C], windows and their positions in row-major order."""
    b, h, w, c = x.shape
    x = x.view(b, h // window, window, w // window, window, c).transpose(2, 3)
    return x.reshape(b, -1, window * window, c)


def unpartition(x, window, height, width):
    b, _, _, c = x.shape
    x = x.view(b, height // window, width // window, window, window, c).transpose(2, 3)
    return x.reshape(b, height, width, c)


def attention_mask(height, width, window, shift):
    """[windows, w*w, w*w]: -100 between positions that are neighbours only because of the cyclic shift."""

    def region(side):
        i = torch.arange(side)
        return (i >= side - window).long() + (i >= side - shift).long()

    ids = region(height)[:, None] * 3 + region(width)[None]
    ids = partition(ids.view(1, height, width, 1), window)[0, :, :, 0]
    return (ids[:, :, None] != ids[:, None]) * -100.0


def window_attention(qkv, table, heads, window, shift):
    """Shifted-window attention without its projections.

    qkv [B, H, W, 3*C] holds q, k, v one after the other, each [heads, C/heads]; table [(2w-1)^2, heads].
    H and W are multiples of the window. Returns [B, H, W, C] in the unshifted order.
    """
    b, h, w, c3 = qkv.shape
    if shift:
        qkv = torch.roll(qkv, (-shift, -shift), (1, 2))
    windows = partition(qkv, window)
    q, k, v = windows.view(b, -1, window * window, 3, heads, c3 // 3 // heads).permute(3, 0, 1, 4, 2, 5)
    logits = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    logits = logits + table[relative_position_index(window)].permute(2, 0, 1)
    if shift:
        logits = logits + attention_mask(h, w, window, shift).to(logits)[:, None]
    out = (logits.softmax(-1) @ v).transpose(2, 3).reshape(b, -1, window * window, c3 // 3)
    out = unpartition(out, window, h, w)
    return torch.roll(out, (shift, shift), (1, 2)) if shift else out


class WindowAttention(nn.Module):
    def __init__(self, dim, window, shift, heads):
        super().__init__()
        self.window, self.shift, self.heads = window, shift, heads
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * window - 1) ** 2, heads))
        self.register_buffer("relative_position_index", relative_position_index(window))
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        table = self.relative_position_bias_table
        return self.proj(window_attention(self.qkv(x), table, self.heads, self.window, self.shift))


class Mlp(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self, dim, heads, window, shift, img_size, mlp_ratio):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = WindowAttention(dim, window, shift, heads)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, int(dim * mlp_ratio))
        self.register_buffer("attn_mask", attention_mask(*img_size, window, shift) if shift else None)

    def forward(self, x, note):
        normed = note("norm1", self.norm1(x))
        x = x + note("attention", self.attn(normed))
        return x + note("mlp", self.mlp(self.norm2(x)))


class ResidualGroup(nn.Module):
    def __init__(self, blocks):
        super().__init__()
        self.blocks = nn.ModuleList(blocks)


def body_conv(dim, kind):
    """What ends an RSTB, and also the whole body: with '3conv' `conv_after_body` has three convolutions too."""
    if kind == "1conv":
        return nn.Conv2d(dim, dim, 3, 1, 1)
    narrow = dim // 4
    return nn.Sequential(
        nn.Conv2d(dim, narrow, 3, 1, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(narrow, narrow, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(narrow, dim, 3, 1, 1),
    )


class Rstb(nn.Module):
    def __init__(self, config, depth, heads):
        super().__init__()
        dim, window, shift = config["embed_dim"], config["window_size"], config["window_size"] // 2
        size = config["img_size"]
        size = (size, size) if isinstance(size, int) else tuple(size)
        if min(size) <= window:
            window, shift = min(size), 0
        self.residual_group = ResidualGroup(
            Block(dim, heads, window, shift * (j % 2), size, config["mlp_ratio"]) for j in range(depth)
        )
        self.conv = body_conv(dim, config["resi_connection"])

    def forward(self, x, note):
        shortcut = x
        for j, block in enumerate(self.residual_group.blocks):
            x = note(f"block{j}", block(x, lambda name, value, j=j: note(f"block{j}.{name}", value)))
        return shortcut + self.conv(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class PatchEmbed(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.norm = nn.LayerNorm(dim)


def shuffle_steps(features, scale):
    steps = []
    for _ in range(int(math.log2(scale))):
        steps += [nn.Conv2d(features, 4 * features, 3, 1, 1), nn.PixelShuffle(2)]
    return nn.Sequential(*steps)


class Head(nn.Module):
    """LUA's head of one scale; `upsampler='pixelshuffle'` of the original is the same under other names."""

    def __init__(self, dim, features, scale, channels):
        super().__init__()
        self.conv_before = nn.Sequential(nn.Conv2d(dim, features, 3, 1, 1), nn.LeakyReLU(0.01))
        self.upsample = shuffle_steps(features, scale)
        self.conv_last = nn.Conv2d(features, channels, 3, 1, 1)

    def forward(self, x):
        return self.conv_last(self.upsample(self.conv_before(x)))


def reflect_index(side, total):
    """Which of `side` rows stands at each of `total` places when the reflection repeats (period 2 side - 2)."""
    if side == 1:
        return torch.zeros(total, dtype=torch.long)
    i = torch.arange(total) % (2 * side - 2)
    return torch.minimum(i, 2 * side - 2 - i)


def pad_to_window(x, window):
    """Reflection at the bottom and right up to a multiple of the window, for any sides >= 1."""
    h, w = x.shape[2:]
    rows, columns = (reflect_index(side, -(-side // window) * window) for side in (h, w))
    return x[:, :, rows][:, :, :, columns]


class SwinIR(nn.Module):
    """`config` has the released model's field names; with `upsampler`/`upscale` instead of `heads`, the original's."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        dim, channels, upsampler = config["embed_dim"], config["in_chans"], config.get("upsampler")
        self.conv_first = nn.Conv2d(channels, dim, 3, 1, 1)
        self.patch_embed = PatchEmbed(dim)
        self.layers = nn.ModuleList(Rstb(config, d, n) for d, n in zip(config["depths"], config["num_heads"]))
        self.norm = nn.LayerNorm(dim)
        self.conv_after_body = body_conv(dim, config["resi_connection"])
        if "heads" in config:
            features = config["head_num_feat"]
            self.heads = nn.ModuleDict(
                {h["name"]: Head(dim, features, h["scale"], h["out_chans"]) for h in config["heads"]}
            )
        elif upsampler == "pixelshuffledirect":
            scale = config["upscale"]
            self.upsample = nn.Sequential(
                nn.Conv2d(dim, channels * scale**2, 3, 1, 1), nn.PixelShuffle(scale)
            )
        else:
            features = 64
            self.conv_before_upsample = nn.Sequential(nn.Conv2d(dim, features, 3, 1, 1), nn.LeakyReLU(0.01))
            if upsampler == "pixelshuffle":
                self.upsample = shuffle_steps(features, config["upscale"])
            else:
                assert upsampler == "nearest+conv"
                self.conv_up1 = nn.Conv2d(features, features, 3, 1, 1)
                if config["upscale"] == 4:
                    self.conv_up2 = nn.Conv2d(features, features, 3, 1, 1)
                self.conv_hr = nn.Conv2d(features, features, 3, 1, 1)
            self.conv_last = nn.Conv2d(features, channels, 3, 1, 1)

    def trunk(self, x, trace=None):
        def note(name, value):
            if trace is not None:
                trace[name] = value
            return value

        first = note("conv_first", self.conv_first(x))
        x = note("patch_embed.norm", self.patch_embed.norm(first.permute(0, 2, 3, 1)))
        for i, layer in enumerate(self.layers):
            x = note(f"layer{i}", layer(x, lambda name, value, i=i: note(f"layer{i}.{name}", value)))
        x = note("norm", self.norm(x)).permute(0, 3, 1, 2)
        return note("conv_after_body", self.conv_after_body(x)) + first

    def reconstruct(self, x, trace=None):
        upsampler = self.config["upsampler"]
        if upsampler == "pixelshuffledirect":
            x = self.upsample[0](x)
            if trace is not None:
                trace["upsample.0"] = x
            return self.upsample[1](x)
        x = self.conv_before_upsample(x)
        if upsampler == "pixelshuffle":
            return self.conv_last(self.upsample(x))
        x = F.leaky_relu(self.conv_up1(F.interpolate(x, scale_factor=2, mode="nearest")), 0.2)
        if self.config["upscale"] == 4:
            x = F.leaky_relu(self.conv_up2(F.interpolate(x, scale_factor=2, mode="nearest")), 0.2)
        return self.conv_last(F.leaky_relu(self.conv_hr(x), 0.2))

    def forward(self, x, trace=None):
        """[B, C, h, w] -> {head name: [B, C, s*h, s*w]}; an original upsampler's result is called `y`."""
        h, w = x.shape[2:]
        channels, gain = self.config["in_chans"], self.config["img_range"]
        mean = torch.tensor(RGB_MEAN if channels == 3 else (0.0,) * channels, dtype=x.dtype).view(1, -1, 1, 1)
        features = self.trunk((pad_to_window(x, self.config["window_size"]) - mean) * gain, trace)
        if "heads" in self.config:
            scales = {head["name"]: head["scale"] for head in self.config["heads"]}
            results = {name: (self.heads[name](features), scale) for name, scale in scales.items()}
        else:
            results = {"y": (self.reconstruct(features, trace), self.config["upscale"])}
        out = {name: (y / gain + mean)[:, :, : h * s, : w * s] for name, (y, s) in results.items()}
        if trace is not None:
            trace["output"] = next(iter(out.values()))
        return out
