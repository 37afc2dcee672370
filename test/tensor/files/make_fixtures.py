"""Makes fixtures/: small PyTorch checkpoints, hostile ones, and what a reader must find in them.

Run with a PyTorch that still writes the legacy format (made with 1.13):

    OPENBLAS_NUM_THREADS=1 /usr/bin/python3 make_fixtures.py

Each checkpoint X.pth that is meant to load has an entry X in expected.json: dicts as {"dict": [[key, value], ...]},
tensors as {"dtype", "shape", "values"} in row-major order, everything else as itself.
"""

import collections
import json
import math
import os
import pickle
import sys

import torch

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'fixtures')
DTYPES = {
    torch.float64: 'F64',
    torch.float32: 'F32',
    torch.float16: 'F16',
    torch.bfloat16: 'BF16',
    torch.int64: 'I64',
    torch.int32: 'I32',
    torch.int16: 'I16',
    torch.int8: 'I8',
    torch.uint8: 'U8',
    torch.bool: 'BOOL',
}
expected = {}


def describe(value):
    if isinstance(value, torch.Tensor):
        flat = value.detach().contiguous().reshape(-1)
        values = [float(v) if not math.isinf(v) else ('inf' if v > 0 else '-inf') for v in flat.tolist()]
        return {'dtype': DTYPES[value.dtype], 'shape': list(value.shape), 'values': values}
    if isinstance(value, dict):
        return {'dict': [[str(key), describe(item)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        return [describe(item) for item in value]
    return value


def save(name, value, **options):
    torch.save(value, os.path.join(HERE, name + '.pth'), **options)
    expected[name] = describe(value)


class Evil:
    """Pickles as a call, which a careless reader would make."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


def main():
    os.makedirs(HERE, exist_ok=True)
    torch.manual_seed(7)

    base = torch.arange(24, dtype=torch.float32).reshape(4, 6) - 3.25
    values = {
        'f64': torch.tensor([math.pi, -1e-300, 0.1], dtype=torch.float64),
        'f32': torch.randn(2, 3),
        'f16': torch.tensor([1.0, -2.5, 65504.0, 6e-8, float('inf')], dtype=torch.float16),
        'bf16': torch.tensor([[1.0, -0.15625], [3e38, 1e-40]], dtype=torch.bfloat16),
        'i64': torch.tensor([-(2**53) + 1, 2**53 - 1, 0]),
        'i32': torch.tensor([-(2**31), 2**31 - 1], dtype=torch.int32),
        'i16': torch.tensor([-(2**15), 2**15 - 1], dtype=torch.int16),
        'i8': torch.tensor([-128, 127], dtype=torch.int8),
        'u8': torch.tensor([0, 255], dtype=torch.uint8),
        'bool': torch.tensor([True, False, True]),
        'scalar': torch.tensor(2.5),
        'empty': torch.zeros(0, 3),
        'parameter': torch.nn.Parameter(torch.ones(2)),
    }
    save('dtypes', values)
    save('protocol4', values, pickle_protocol=4)
    save(
        'views',
        {
            'base': base,
            'shared_row': base[2],
            'transposed': base.t(),
            'column': base[:, 1],
            'every_other': base[::2, 1::2],
            'expanded': base[:1, :2].expand(3, 2),
            'permuted': torch.arange(24, dtype=torch.int64).reshape(2, 3, 4).permute(2, 0, 1),
            'odd_strides_of_one': base[:1].as_strided((1, 3), (999, 1)),
            'half': base.to(torch.float16)[:, 2:4],
        },
    )
    weights = {'conv_first.weight': torch.randn(2, 1, 3, 3), 'conv_first.bias': torch.randn(2)}
    average = {name: value * 0.5 for name, value in weights.items()}
    save('params_and_ema', {'params': weights, 'params_ema': average})
    save('params', {'params': weights, 'iter': 5})

    model = torch.nn.Sequential(collections.OrderedDict(a=torch.nn.Linear(2, 3), b=torch.nn.BatchNorm1d(3)))
    save('state_dict', model.state_dict())
    parallel = collections.OrderedDict(('module.' + name, value) for name, value in model.state_dict().items())
    optimiser = torch.optim.Adam(model.parameters())
    model(torch.ones(2, 2)).sum().backward()
    optimiser.step()
    save('training', {'epoch': 3, 'state_dict': parallel, 'optimizer': optimiser.state_dict(), 'best': None})
    save(
        'containers',
        {'size': torch.zeros(2, 3).shape, 'list': [1, (2.5, 'é'), []], 'big': -(2**70), 'no': False, 'none': None},
    )

    for name, protocol in (('os_system', 2), ('os_system_protocol4', 4)):
        torch.save({'params': Evil(os.system, 'echo owned')}, os.path.join(HERE, name + '.pth'), pickle_protocol=protocol)
    torch.save({'params': Evil(eval, '1+1')}, os.path.join(HERE, 'eval.pth'))
    torch.save({'set': {1, 2}}, os.path.join(HERE, 'set.pth'), pickle_protocol=4)
    torch.save(weights, os.path.join(HERE, 'legacy.pth'), _use_new_zipfile_serialization=False)
    with open(os.path.join(HERE, 'bare_pickle.pth'), 'wb') as file:
        pickle.dump(Evil(os.system, 'echo owned'), file, protocol=2)

    with open(os.path.join(HERE, 'expected.json'), 'w', encoding='utf-8') as file:
        json.dump(expected, file, ensure_ascii=False, separators=(',', ':'))
        file.write('\n')
    total = sum(os.path.getsize(os.path.join(HERE, name)) for name in os.listdir(HERE))
    print(f'{total} bytes with PyTorch {torch.__version__}, Python {sys.version.split()[0]}')


if __name__ == '__main__':
    main()
