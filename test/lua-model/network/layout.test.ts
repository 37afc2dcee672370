/** Activations stay channels-last from the first convolution to the last: nothing is permuted in between. */
import { type BufferRange, type Device, type Dispatch, openDevice } from '@lua-webgpu/kernels';
import { createLua, preset } from '@lua-webgpu/lua-model';
import { backward, l1Loss, openScope, Tape, type Tensor } from '@lua-webgpu/tensor';
import { afterAll, beforeAll, expect, it } from 'vitest';

let device: Device;
/** Name and bytes of the result of each dispatch. */
let dispatches: { kernel: string; bytes: number }[];

beforeAll(async () => {
  device = await openDevice({ adapter: 'swiftshader' });
  const dispatch = device.dispatch.bind(device) as (...args: unknown[]) => void;
  device.dispatch = (kernel: { name: string }, request: Dispatch<never, never>) => {
    const { out } = request.buffers as Record<string, BufferRange | undefined>;
    const bytes = out === undefined ? 0 : 'offset' in out ? out.size : out.byteLength;
    dispatches.push({ kernel: kernel.name, bytes });
    dispatch(kernel, request);
  };
});
afterAll(() => device.destroy());

const config = preset('tiny', { in_chans: 16 });
const moves = /^(permute|layout|pad)\//;
const copied = () => dispatches.filter(({ kernel }) => moves.test(kernel));

it('a forward pass changes the layout at its two ends alone', () => {
  using model = createLua(device, config);
  using scope = openScope(device);
  const latent = scope.tensor(new Float32Array(16 * 16 * 16), [1, 16, 16, 16]);
  dispatches = [];
  model.forward(latent);
  expect(dispatches.length).toBeGreaterThan(50);
  expect(copied().map(({ kernel }) => kernel)).toEqual([
    'layout/to-channels-last',
    'layout/to-channels-first',
    'layout/to-channels-first',
  ]);
});

it('a backward pass copies no more than vectors of parameters', () => {
  using model = createLua(device, config);
  using scope = openScope(device);
  using tape = new Tape();
  const x = tape.constant(scope.tensor(new Float32Array(16 * 16 * 16), [1, 16, 16, 16]));
  const prediction = model.forward(x, [2]).get(2) as Tensor;
  const loss = l1Loss(prediction, scope.tensor(new Float32Array(prediction.size).fill(1), prediction.shape));
  dispatches = [];
  using gradients = backward(loss);
  expect(gradients.size).toBeGreaterThan(50);
  expect(dispatches.length).toBeGreaterThan(150);
  const large = copied().filter(
    ({ kernel, bytes }) => kernel.startsWith('permute/') && bytes > 4 * config.embed_dim,
  );
  expect(large).toEqual([]);
});
