import { readFileSync } from 'node:fs';
import path from 'node:path';
import {
  backward,
  fftMagnitude,
  gaussianBlur,
  gridSample,
  openScope,
  parseSafetensors,
  patchVariance,
  resize2d,
  scharr,
  Tape,
  type Tensor,
  toFloat32,
} from '@lua-webgpu/tensor';
import { afterAll, describe, expect, it } from 'vitest';
import { entry, referenceFolder } from '../../golden/load.ts';
import { channelsFirst, channelsLast } from '../../kernels/conv2d/channels-last.ts';
import { adapterCases, DeviceSet } from '../../support/adapters.ts';

type Loaded = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

/** The tensors of a file of the reference folder; none where LUA_WEBGPU_GOLDEN is not set. */
function load(name: string): Loaded {
  const folder = referenceFolder();
  if (folder === undefined) return new Map();
  const file = path.join(folder, `${name}.safetensors`);
  const { tensors } = parseSafetensors(readFileSync(file), file);
  return new Map(
    [...tensors].map(([key, stored]) => [
      key,
      { shape: stored.shape, data: Float32Array.from(toFloat32(stored)) },
    ]),
  );
}

const [resizes, blurs, edges, transforms, nearZero, grids, eagle] = [
  load('op_bicubic'),
  load('op_gaussian_blur'),
  load('op_scharr'),
  load('op_fft2'),
  load('op_fft_mag_near_zero'),
  load('op_grid_sample'),
  load('loss_eagle'),
];
const casesOf = (tensors: Loaded, pattern: RegExp) =>
  [...tensors.keys()].flatMap((key) => (pattern.test(key) ? [key.replace(/[^/]*$/, '')] : []));

/** Largest difference relative to the largest expected value; infinite where anything is not finite. */
function difference(actual: ArrayLike<number>, expected: Float32Array): number {
  expect(actual.length).toBe(expected.length);
  const largest = Math.max(...expected.map(Math.abs));
  const worst = Array.from(expected, (value, i) => Math.abs((actual[i] ?? Number.NaN) - value));
  return worst.every(Number.isFinite) ? Math.max(...worst) / largest : Number.POSITIVE_INFINITY;
}

for (const adapter of await adapterCases()) {
  describe.skipIf(resizes.size === 0)(`image gradients of PyTorch on ${adapter.label}`, () => {
    const devices = new DeviceSet(adapter);
    afterAll(() => devices.close());

    /** The result, and the gradient of x from a cotangent or a function that makes one of the result; NCHW. */
    async function differentiated(
      x: { shape: readonly number[]; data: Float32Array },
      op: (x: Tensor) => Tensor,
      cotangent: (y: Float32Array) => { shape: readonly number[]; data: Float32Array },
    ) {
      using scope = openScope(await devices.open());
      using tape = new Tape();
      const last = channelsLast({ shape: [...x.shape], data: x.data });
      const input = tape.watch(scope.tensor(last.data, last.shape));
      const y = op(input);
      const values = await y.readFloats();
      const dy = cotangent(values);
      using gradients = backward(y, { gradient: scope.tensor(Float32Array.from(dy.data), y.shape) });
      const gradient = (await gradients.of(input)?.readFloats()) ?? new Float32Array();
      return {
        y: channelsFirst({ shape: y.shape.slice(-4), data: values }).data,
        gradient: channelsFirst({ shape: last.shape, data: gradient }).data,
      };
    }
    const given = (tensors: Loaded, key: string) => () => {
      const { shape, data } = entry(tensors, key);
      return channelsLast({ shape: [...shape], data });
    };

    it.each(casesOf(resizes, /\/torch_(no)?aa\/in\.dy$/))('bicubic %s', async (key) => {
      const [, , height = 0, width = 0] = entry(resizes, `${key}in.dy`).shape;
      const options = { height, width, mode: 'bicubic', antialias: key.includes('torch_aa') } as const;
      const x = entry(resizes, key.replace(/torch.*/, 'in.x'));
      const result = await differentiated(x, (t) => resize2d(t, options), given(resizes, `${key}in.dy`));
      // The tables hold positions that float32 runs of PyTorch round.
      expect(difference(result.gradient, entry(resizes, `${key}grad.x`).data)).toBeLessThan(1e-6);
    });

    it.each(casesOf(blurs, /\/reflect\/in\.dy$/))('Gaussian %s', async (key) => {
      const [, kernelSize, sigma] = (/k(\d+)_s([\d.]+)/.exec(key) ?? []).map(Number);
      const op = (t: Tensor) => gaussianBlur(t, { kernelSize: kernelSize ?? 0, sigma: sigma ?? 0 });
      const result = await differentiated(entry(blurs, 'in.x'), op, given(blurs, `${key}in.dy`));
      expect(difference(result.gradient, entry(blurs, `${key}grad.x`).data)).toBeLessThan(1e-6);
    });

    it('Scharr', async () => {
      const both = () => {
        const planes = ['gx', 'gy'].map((name) => entry(edges, `zeros/in.d${name}`));
        return { shape: [2], data: Float32Array.from(planes.flatMap(({ data }) => [...data])) };
      };
      const { gradient } = await differentiated(entry(edges, 'zeros/in.x'), scharr, both);
      expect(difference(gradient, entry(edges, 'zeros/grad.x').data)).toBeLessThan(1e-6);
    });

    it.each(casesOf(transforms, /magloss_backward\/out\.loss$/))(
      'mean ||F(x)| − |F(t)||, %s',
      async (key) => {
        const folder = key.replace('magloss_backward/', '');
        const target = entry(transforms, `${folder}magloss/in.target`);
        const last = channelsLast({ shape: [...target.shape], data: target.data });
        using scope = openScope(await devices.open());
        const wanted = await fftMagnitude(scope.tensor(last.data, last.shape)).readFloats();
        const signs = (y: Float32Array) => ({
          shape: last.shape,
          data: y.map((value, i) => Math.sign(value - (wanted[i] ?? Number.NaN)) / y.length),
        });
        const { gradient } = await differentiated(entry(transforms, `${folder}in.x`), fftMagnitude, signs);
        expect(difference(gradient, entry(transforms, `${key}grad.x`).data)).toBeLessThan(2e-6);
      },
    );

    it.each(casesOf(nearZero, /in\.dmag$/))('|F| near zero: %s', async (key) => {
      const x = entry(nearZero, `${key}in.x`);
      const { y, gradient } = await differentiated(x, fftMagnitude, given(nearZero, `${key}in.dmag`));
      const expected = entry(nearZero, `${key}out.abs.grad_x`).data;
      expect(gradient.every(Number.isFinite)).toBe(true);
      if (key.startsWith('zero')) expect(gradient.every((value) => value === 0)).toBe(true);
      // All but one bin of a constant image are 0 but for rounding errors, whose direction is anybody's.
      else if (!key.startsWith('const')) expect(difference(gradient, expected)).toBeLessThan(1e-6);
      // float32 holds the magnitudes of the smallest inputs, if not their squares.
      const magnitudes = entry(nearZero, `${key}out.abs.mag`).data;
      if (!key.startsWith('zero')) expect(difference(y, magnitudes)).toBeLessThan(1e-6);
    });

    it.each(['nearest', 'bilinear', 'bicubic'] as const)('grid sampling, %s', async (mode) => {
      using scope = openScope(await devices.open());
      using tape = new Tape();
      const upload = (key: string) => {
        const { data, shape } = given(grids, key)();
        return scope.tensor(data, shape);
      };
      const x = tape.watch(upload('ac0/in.x'));
      const points = entry(grids, 'ac0/in.grid');
      const grid = tape.watch(scope.tensor(Float32Array.from(points.data), points.shape));
      const y = gridSample(x, grid, { mode });
      using gradients = backward(y, { gradient: upload(`ac0/${mode}_zeros/in.dy`) });
      const result = async (tensor: Tensor | undefined) => (await tensor?.readFloats()) ?? [];
      const expected = (name: string) => given(grids, `ac0/${mode}_zeros/${name}`)().data;
      expect(difference(await result(y), expected('out.y'))).toBeLessThan(3e-6);
      expect(difference(await result(gradients.of(x)), expected('grad.x'))).toBeLessThan(3e-6);
      const ofGrid = await result(gradients.of(grid));
      if (mode === 'nearest') expect(Array.from(ofGrid).every((value) => value === 0)).toBe(true);
      else expect(difference(ofGrid, entry(grids, `ac0/${mode}_zeros/grad.grid`).data)).toBeLessThan(3e-6);
    });

    it('grid sampling rounds halves to even', async () => {
      using scope = openScope(await devices.open());
      const { data, shape } = given(grids, 'ties/in.x')();
      const points = entry(grids, 'ties/in.grid');
      const grid = scope.tensor(Float32Array.from(points.data), points.shape);
      const y = await gridSample(scope.tensor(data, shape), grid, { mode: 'nearest' }).readFloats();
      expect(y).toEqual(entry(grids, 'ties/out.nearest_zeros').data);
    });

    it.each(casesOf(eagle, /_p\d+.*\/out\.var_x$/))(
      'variances of patches of Scharr gradients: %s',
      async (key) => {
        const { shape, data } = entry(eagle, `${key}in.pred`);
        const [batch = 0, , height = 0, width = 0] = shape;
        const pixels = height * width;
        const luminance = Float32Array.from({ length: batch * pixels }, (_, i) => {
          const at = Math.floor(i / pixels) * 3 * pixels + (i % pixels);
          return [0.2989, 0.587, 0.114].reduce((sum, w, c) => sum + w * (data[at + c * pixels] ?? 0), 0);
        });
        using scope = openScope(await devices.open());
        const gradients = scharr(scope.tensor(luminance, [batch, height, width, 1]));
        const size = Number(/_p(\d+)/.exec(key)?.[1]);
        const variances = await patchVariance(gradients.reshape([2 * batch, height, width, 1]), {
          size,
        }).read();
        const half = variances.length / 2;
        for (const [plane, name] of ['var_x', 'var_y'].entries()) {
          const own = variances.subarray(plane * half, (plane + 1) * half);
          expect(difference(own, entry(eagle, `${key}out.${name}`).data)).toBeLessThan(2e-6);
        }
      },
    );
  });
}
