import { median } from './median.ts';

const code = `
var<immediate> value: vec4f;
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(1) fn main() { out[0] = a[0] + b[0] + value.x; }`;

/**
 * Microseconds per command of the four calls that a dispatch cannot do without, for as many commands, each with a pipeline,
 * three buffers and params of its own.
 */
export async function bareCalls(
  gpu: GPUDevice,
  count: number,
  runs: number,
): Promise<{ median: number; fastest: number }> {
  const module = gpu.createShaderModule({ code });
  const usage = GPUBufferUsage.STORAGE;
  const commands = Array.from({ length: count }, () => {
    const pipeline = gpu.createComputePipeline({ layout: 'auto', compute: { module } });
    const entries = [0, 1, 2].map((binding) => ({
      binding,
      resource: { buffer: gpu.createBuffer({ size: 256, usage }) },
    }));
    const layout = pipeline.getBindGroupLayout(0);
    return { pipeline, bindGroup: gpu.createBindGroup({ layout, entries }), params: new ArrayBuffer(16) };
  });
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    await gpu.queue.onSubmittedWorkDone();
    const encoder = gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    const begin = performance.now();
    for (const { pipeline, bindGroup, params } of commands) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup);
      pass.setImmediates(0, params);
      pass.dispatchWorkgroups(1, 1, 1);
    }
    times.push((1000 * (performance.now() - begin)) / count);
    pass.end();
    gpu.queue.submit([encoder.finish()]);
  }
  return { median: median(times), fastest: Math.min(...times) };
}
