"""Makes fixtures/statistics.safetensors: the gap between two sets of values, by scipy and numpy.

    OPENBLAS_NUM_THREADS=1 /usr/bin/python3 make_fixtures.py        (made with scipy 1.10, numpy 1.24)

Each case compares a set [B, C, h, w] with a reference of other B, h and w. The values come from the hash of
test/golden/storage.py and are not stored: metadata `cases` has their shapes, centres, amplitudes and, where values are
rounded to multiples of a step, so that many are equal, the step. Results, one per channel: <case>/wasserstein
(scipy.stats.wasserstein_distance), /jensen_shannon (the square of scipy.spatial.distance.jensenshannon, in nats, of
numpy.histogram over the common range) and /variance_gap.
"""

import os
import sys

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', '..', 'golden'))
from storage import hash_values, write_safetensors  # noqa: E402

SEED = 3501
CASES = {
    'shifted': {
        'set': {'shape': [3, 4, 5, 6], 'center': 0.1, 'amp': 1.7},
        'reference': {'shape': [2, 4, 7, 9], 'center': 0.0, 'amp': 1.5},
        'bins': 100,
    },
    'ties': {
        'set': {'shape': [1, 3, 8, 8], 'center': 0.5, 'amp': 0.5, 'step': 0.125},
        'reference': {'shape': [2, 3, 4, 4], 'center': 0.4, 'amp': 0.4, 'step': 0.125},
        'bins': 7,
    },
    'apart': {
        'set': {'shape': [1, 2, 3, 3], 'center': 10.0, 'amp': 1.0},
        'reference': {'shape': [1, 2, 3, 3], 'center': -10.0, 'amp': 2.0},
        'bins': 16,
    },
}


def values(name, described):
    x = hash_values(SEED, name, described['shape'], described['center'], described['amp']).astype(np.float64)
    step = described.get('step')
    return x if step is None else np.round(x / step) * step


def gaps(a, b, bins):
    both = np.concatenate((a, b))
    p, q = (np.histogram(x, bins=bins, range=(both.min(), both.max()))[0] / x.size for x in (a, b))
    return wasserstein_distance(a, b), jensenshannon(p, q) ** 2, abs(a.var() - b.var()) / b.var()


def main():
    tensors = {}
    for name, case in CASES.items():
        sets = [values(f'{name}/{role}', case[role]) for role in ('set', 'reference')]
        rows = [gaps(*(x[:, c].ravel() for x in sets), case['bins']) for c in range(sets[0].shape[1])]
        for measure, column in zip(('wasserstein', 'jensen_shannon', 'variance_gap'), zip(*rows)):
            tensors[f'{name}/{measure}'] = np.array(column, np.float64)
    os.makedirs(os.path.join(HERE, 'fixtures'), exist_ok=True)
    write_safetensors(
        os.path.join(HERE, 'fixtures', 'statistics.safetensors'), tensors, {'cases': CASES, 'seed': str(SEED)}
    )


if __name__ == '__main__':
    main()
