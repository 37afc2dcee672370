// Writes the demonstration's untrained model, so that make_demo_golden.py can run it in PyTorch.
//
//   npm run build && node packages/cli/scripts/export-demo-model.mjs tiny 2 1 OUT.safetensors
//
// The arguments: preset, scale, seed, file. The weights are those of createLua for 16 channels.
import { openDevice } from '@lua-webgpu/kernels';
import { configToJson, createLua, preset } from '@lua-webgpu/lua-model';
import { encodeSafetensors, writeFileAtomic } from '@lua-webgpu/tensor';

const [name, scale, seed, out] = process.argv.slice(2);
const config = preset(name, { in_chans: 16, scales: [Number(scale)] });
const device = await openDevice();
const model = createLua(device, config, { seed: Number(seed) });
const tensors = await model.stateDict();
device.destroy();
const demo = { preset: name, scale: Number(scale), seed: Number(seed) };
const metadata = new Map([
  ['config', JSON.stringify(configToJson(config))],
  ['demo', JSON.stringify(demo)],
]);
await writeFileAtomic(out, encodeSafetensors(tensors, metadata));
