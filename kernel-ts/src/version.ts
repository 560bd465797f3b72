/** The kernel package's version and its compiler's, read from its package.json. */
import { readFileSync } from 'node:fs';

const { version: own, dependencies } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

export const version: string = own;

/** Version of TypeScript that checks cells; pinned exactly. */
export const typescriptVersion: string = dependencies.typescript;
