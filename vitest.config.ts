import { defineConfig } from 'vitest/config';

// Forked processes, not threads: in a worker thread process.env does not reach the C library, and Dawn's
// Vulkan loader reads VK_DRIVER_FILES from there. One fork at a time: software adapters use every core.
export default defineConfig({
  resolve: { conditions: ['@lua-webgpu/source'] },
  ssr: { resolve: { conditions: ['@lua-webgpu/source'] } },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
