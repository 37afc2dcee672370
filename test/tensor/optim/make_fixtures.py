"""Makes fixtures/training.safetensors: ten training steps of a small network with two heads by each optimiser.

    OPENBLAS_NUM_THREADS=1 /usr/bin/python3 make_fixtures.py        (made with PyTorch 1.13, float64)

fc1 (3 → 8), tanh, then head `a` (8 → 2) or `b` (8 → 4) or both; the loss is the sum of the heads' mean squared errors.
HEADS says which heads take part in a step: the parameters of the others have no gradient, and PyTorch leaves them alone.
Each case clips the gradient to a norm that some steps are above and some below, halves the rate at milestones, and
averages the parameters after every step.

Tensors: in.* the data and the first parameters (float32 values); <case>/loss, /norm (before clipping), /lr [10];
<case>/p.<name> and /ema.<name> at the end; <case>/state.<moment>.<name>. Metadata: `cases`, `heads`, `schedule`.
"""

import os
import sys

import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', '..', 'golden'))
from storage import write_safetensors  # noqa: E402

HEADS = ['ab', 'ab', 'a', 'b', 'b', 'ab', 'a', 'a', 'ab', 'b']
SCHEDULE = {'milestones': [3, 6, 8], 'gamma': 0.5, 'max_norm': 0.72, 'ema': 0.9}
CASES = {
    'adam': (torch.optim.Adam, {'lr': 0.02, 'betas': [0.9, 0.99], 'eps': 1e-8, 'weight_decay': 0}),
    'adam_l2': (torch.optim.Adam, {'lr': 0.02, 'betas': [0.9, 0.995], 'eps': 1e-8, 'weight_decay': 0.1}),
    'adamw': (torch.optim.AdamW, {'lr': 0.02, 'betas': [0.8, 0.99], 'eps': 1e-6, 'weight_decay': 0.3}),
    'sgd': (torch.optim.SGD, {'lr': 0.1}),
    'sgd_momentum': (torch.optim.SGD, {'lr': 0.1, 'momentum': 0.9, 'weight_decay': 0.05}),
    'sgd_nesterov': (torch.optim.SGD, {'lr': 0.1, 'momentum': 0.8, 'nesterov': True}),
}


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = torch.nn.Linear(3, 8)
        self.a = torch.nn.Linear(8, 2)
        self.b = torch.nn.Linear(8, 4)

    def forward(self, x, heads):
        hidden = torch.tanh(self.fc1(x))
        return {head: getattr(self, head)(hidden) for head in heads}


def rounded(tensor):
    return tensor.float().double()


def main():
    torch.manual_seed(0)
    x = rounded(torch.randn(5, 3))
    targets = {'a': rounded(torch.randn(5, 2)), 'b': rounded(torch.randn(5, 4))}
    first = {name: rounded(p.detach()) for name, p in Network().named_parameters()}
    tensors = {'in.x': x, 'in.a': targets['a'], 'in.b': targets['b']}
    tensors.update({f'in.p.{name}': value for name, value in first.items()})
    tensors = {name: value.float().numpy() for name, value in tensors.items()}
    for case, (make, options) in CASES.items():
        network = Network().double()
        network.load_state_dict(first)
        optimizer = make(network.parameters(), **options)
        schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, SCHEDULE['milestones'], SCHEDULE['gamma'])
        ema = {name: p.detach().clone() for name, p in network.named_parameters()}
        losses, norms, rates = [], [], []
        for heads in HEADS:
            optimizer.zero_grad(set_to_none=True)
            outputs = network(x, heads)
            loss = sum(torch.nn.functional.mse_loss(y, targets[head]) for head, y in outputs.items())
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(network.parameters(), SCHEDULE['max_norm'])
            losses.append(loss.item())
            norms.append(norm.item())
            rates.append(optimizer.param_groups[0]['lr'])
            optimizer.step()
            schedule.step()
            for name, p in network.named_parameters():
                ema[name].mul_(SCHEDULE['ema']).add_(p.detach(), alpha=1 - SCHEDULE['ema'])
        assert min(norms) < SCHEDULE['max_norm'] < max(norms), norms
        histories = {'loss': losses, 'norm': norms, 'lr': rates}
        results = {name: torch.tensor(values, dtype=torch.float64) for name, values in histories.items()}
        for name, p in network.named_parameters():
            results[f'p.{name}'] = p.detach()
            results[f'ema.{name}'] = ema[name]
            for moment, value in optimizer.state[p].items():
                if isinstance(value, torch.Tensor) and value.shape == p.shape:
                    results[f'state.{moment}.{name}'] = value
        tensors.update({f'{case}/{name}': value.double().numpy() for name, value in results.items()})
    metadata = {
        'cases': {case: {'optimizer': make.__name__, **options} for case, (make, options) in CASES.items()},
        'heads': HEADS,
        'schedule': SCHEDULE,
        'torch': torch.__version__,
    }
    write_safetensors(os.path.join(HERE, 'fixtures', 'training.safetensors'), tensors, metadata)


if __name__ == '__main__':
    main()
