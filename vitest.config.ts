import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: [
      'addon/test/**/*.test.ts',
      'board/client/test/**/*.test.ts',
      'quant/test/**/*.test.ts',
      'kernel-ts/test/**/*.test.ts',
      'test/**/*.test.ts',
    ],
    exclude: ['**/node_modules/**', '**/dist/**', 'test/bench/**'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    retry: 0,
    env: { NPULAB_HISTORY: 'off' },
  },
});
