const SHADER = `
@group(0) @binding(0) var<storage, read_write> answer: array<u32>;
@compute @workgroup_size(1) fn main() { answer[0] = 6u * 7u; }
`;

/** 42, computed by a device of this adapter: an adapter that opens may still not run anything. */
export async function answerOf(adapter: GPUAdapter): Promise<number> {
  const device = await adapter.requestDevice();
  const module = device.createShaderModule({ code: SHADER });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
  const answer = device.createBuffer({ size: 4, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
  const readable = device.createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  const entries = [{ binding: 0, resource: { buffer: answer } }];
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(answer, 0, readable, 0, 4);
  device.queue.submit([encoder.finish()]);
  await readable.mapAsync(GPUMapMode.READ);
  const [value] = new Uint32Array(readable.getMappedRange().slice(0));
  device.destroy();
  return value ?? Number.NaN;
}
