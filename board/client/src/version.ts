/** The version of this package, from its own package.json. */
import { readFileSync } from 'node:fs';

const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  name: string;
  version: string;
};

/** For example `0.1.0`. */
export const clientVersion: string = manifest.version;
/** What HELLO says we are. */
export const clientBuild: string = `${manifest.name} ${manifest.version}`;
