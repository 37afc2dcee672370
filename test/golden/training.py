"""Gradients and training steps of a small network with both heads, in PyTorch."""

import torch

from cases import Case, network

SCHEDULE = {
    "lr": 2e-3,
    "betas": [0.9, 0.995],
    "eps": 1e-8,
    "milestones": [3, 6, 8],
    "gamma": 0.5,
    "max_norm": 6.0,
    "ema": 0.9,
}


def stage_one_loss(outputs, targets):
    """Sum over the heads of mean|p - t| + 0.1 mean||F(p)| - |F(t)||, unnormalised transforms of each channel."""
    total = 0
    for name, target in targets.items():
        prediction = outputs[name]
        spectra = [torch.fft.fft2(each).abs() for each in (prediction, target)]
        total = total + (prediction - target).abs().mean() + 0.1 * (spectra[0] - spectra[1]).abs().mean()
    return total


def gradients_case(config):
    """d loss / d every parameter and the input, both heads at once; targets keep away from the kinks of |.|."""
    case = Case("tiny_window8_gradients", 3301, "gradients of latent L1 + 0.1 FFT magnitude, both heads")
    net = network(case, config, 3301)
    x = case.input("in.x", [1, 4, 9, 13])
    with torch.no_grad():
        plain = net(x)
    targets = {}
    for name, prediction in plain.items():
        away = case.input(f"away.{name}", list(prediction.shape))
        targets[name] = case.stored(f"in.target.{name}", prediction + away + 0.1 * away.sign())
        assert nearest_kink(prediction, targets[name]) > 1e-3, name
        del case.inputs[f"away.{name}"]
    results = []
    for dtype in (torch.float64, torch.float32):
        net.to(dtype).zero_grad()
        leaf = x.detach().to(dtype).clone().requires_grad_()
        loss = stage_one_loss(net(leaf), {name: target.to(dtype) for name, target in targets.items()})
        loss.backward()
        gradients = {name: p.grad.detach().clone() for name, p in net.named_parameters()}
        results.append({"out.loss": loss.detach(), "grad.x": leaf.grad, **{f"grad.{n}": g for n, g in gradients.items()}})
    for name in results[0]:
        case.record(name, results[0][name], results[1][name], full=True)
    case.write()


def far_from_kinks(case, name, shape):
    """h + 6 sign(h), h out of the hash: no prediction comes near it, so that every |p - t| keeps its sign."""
    h = case.input(name, shape)
    return h + 6 * h.sign()


def steps_case(config):
    """Ten steps as a trainer takes them, each on a batch of its own, with both heads."""
    case = Case("tiny_window8_steps", 3302, "ten Adam steps with clipping, MultiStep and EMA, both heads")
    batches = []
    for k in range(10):
        x = case.input(f"in.x.{k}", [2, 4, 9, 13])
        targets = {f"x{s}": far_from_kinks(case, f"in.target.x{s}.{k}", [2, 4, 9 * s, 13 * s]) for s in (2, 4)}
        batches.append((x, targets))
    results = []
    for dtype in (torch.float64, torch.float32):
        net = network(case, config, case.seed).to(dtype)
        results.append(train(net, batches, dtype))
    wide, narrow = results
    norms = wide["out.norm"]
    assert norms.min() < 0.99 * SCHEDULE["max_norm"] and norms.max() > 1.01 * SCHEDULE["max_norm"], norms
    for name, value in wide.items():
        if name.endswith("qkv.bias"):
            # The true gradient of the keys' bias is 0 and Adam divides rounding noise by itself: not to be compared.
            third = value.numel() // 3
            narrow[name][third : 2 * third] = value[third : 2 * third]
        case.record(name, value, narrow[name], full=True)
    case.metadata["schedule"] = SCHEDULE
    case.write()


def train(net, batches, dtype):
    optimizer = torch.optim.Adam(net.parameters(), lr=SCHEDULE["lr"], betas=SCHEDULE["betas"], eps=SCHEDULE["eps"])
    rates = torch.optim.lr_scheduler.MultiStepLR(optimizer, SCHEDULE["milestones"], SCHEDULE["gamma"])
    ema = {name: p.detach().clone() for name, p in net.named_parameters()}
    history = {"out.loss": [], "out.norm": [], "out.lr": []}
    for x, targets in batches:
        targets = {name: target.to(dtype) for name, target in targets.items()}
        optimizer.zero_grad()
        outputs = net(x.to(dtype))
        margin = min(nearest_kink(outputs[name], target) for name, target in targets.items())
        assert margin > 3e-4, margin
        loss = stage_one_loss(outputs, targets)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(net.parameters(), SCHEDULE["max_norm"])
        for value, name in ((loss, "loss"), (norm, "norm"), (optimizer.param_groups[0]["lr"], "lr")):
            history[f"out.{name}"].append(float(value))
        optimizer.step()
        rates.step()
        for name, p in net.named_parameters():
            ema[name].mul_(SCHEDULE["ema"]).add_(p.detach(), alpha=1 - SCHEDULE["ema"])
    results = {name: torch.tensor(values, dtype=torch.float64) for name, values in history.items()}
    results.update({f"param.{name}": p.detach() for name, p in net.named_parameters()})
    results.update({f"ema.{name}": value for name, value in ema.items()})
    return results


@torch.no_grad()
def nearest_kink(prediction, target):
    """The smallest difference that the loss takes the magnitude of."""
    spectra = [torch.fft.fft2(each).abs() for each in (prediction, target)]
    return min((prediction - target).abs().min(), (spectra[0] - spectra[1]).abs().min()).item()
