// A TypeScript module of a test folder, for a bench that measures what a test checks: one line model, one set of faults.
import { fileURLToPath } from 'node:url';
import { createViteServer } from 'vitest/node';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** What the module at a path of the repository exports. */
export async function testModule(path) {
  const vite = await createViteServer({
    root,
    configFile: false,
    logLevel: 'error',
    server: { middlewareMode: true, watch: null, ws: false },
    optimizeDeps: { noDiscovery: true },
  });
  try {
    return await vite.ssrLoadModule(`/${path}`);
  } finally {
    await vite.close();
  }
}
