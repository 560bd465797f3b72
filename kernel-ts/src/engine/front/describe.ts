/** What the engine says of itself, read from its package. */
import { readFileSync } from 'node:fs';
import type { EngineInfo } from '../types.js';

/** Name, versions, and what front ends need to colour and to save cells. */
export function describeEngine(): EngineInfo {
  const kernel = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
    version: string;
    dependencies: Record<string, string>;
  };
  const typescript = kernel.dependencies.typescript ?? '';
  return {
    implementation: 'npulab',
    implementationVersion: kernel.version,
    banner: `NPU Lab ${kernel.version}: TypeScript ${typescript} cells on Node ${process.versions.node}`,
    versions: { kernel: kernel.version, typescript, node: process.versions.node },
    helpLinks: [
      { text: 'TypeScript handbook', url: 'https://www.typescriptlang.org/docs/handbook/' },
      { text: 'Node.js documentation', url: 'https://nodejs.org/docs/latest-v20.x/api/' },
    ],
    name: 'typescript',
    version: typescript,
    mimetype: 'text/typescript',
    fileExtension: '.ts',
    pygmentsLexer: 'typescript',
    codemirrorMode: 'typescript',
    nbconvertExporter: 'script',
  };
}
