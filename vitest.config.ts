import { defineConfig } from 'vitest/config';

// Forked processes, not threads: in a worker thread process.env does not reach the C library, and Dawn's
// Vulkan loader reads VK_DRIVER_FILES from there. As many forks as cores: a software adapter leaves cores idle while
// JavaScript computes references.
export default defineConfig({
  resolve: { conditions: ['@lua-webgpu/source'] },
  ssr: { resolve: { conditions: ['@lua-webgpu/source'] } },
  test: {
    include: ['test/**/*.test.ts', 'bench/**/*.test.ts'],
    // What somebody tuned on this machine is not what is tested.
    env: { LUA_WEBGPU_TUNED: '0' },
    pool: 'forks',
    maxWorkers: '100%',
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
