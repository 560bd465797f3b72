// The modules of each process of the kernel as one file. Node takes half a millisecond to find, read and link a module, and the
// kernel has a hundred and eighty; bin/npulab.js starts these files where nothing has been compiled since.
//
// Surprise: in a bundle a module's place is no more where it was written. So a URL beside a module is written anew: to the
// bundled file where it names a process of the kernel, else to where it has always led. Comments are left out and every character is
// ASCII: V8 keeps the text of what it has loaded, and takes two bytes for each character where one needs them.
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { root } from './steps.mjs';

const dist = join(root, 'kernel-ts/dist');
/** Child and front share no module but the smallest. The front last: the launcher looks at its time. */
const processes = [['engine/child/main.js', 'engine/child/worker.js', 'cli/cell-globals.js'], ['cli/main.js']];
const nameOf = (entry) => entry.replace(/\.js$/, '').replaceAll('/', '-');
const bundled = new Map(processes.flat().map((entry) => [join(dist, entry), `${nameOf(entry)}.js`]));

/** Writes the files into `folder`. */
export async function bundle(folder = join(dist, 'bundle')) {
  const { rolldown } = await import('rolldown'); // a fresh clone installs it two steps before
  const urlOf = (place) => {
    const file = fileURLToPath(place);
    return JSON.stringify(bundled.get(file) ?? `${relative(folder, file)}${file.endsWith('/') ? '/' : ''}`);
  };
  const places = {
    name: 'places',
    transform(code, module) {
      if (!code.includes('import.meta.url')) return null;
      const here = pathToFileURL(module);
      return code.replace(/(?:new URL\('(\.[^']*)', )?import\.meta\.url(\))?/g, (_, beside, end = '') =>
        beside === undefined
          ? `new URL(${urlOf(here)}, import.meta.url).href${end}`
          : `new URL(${urlOf(new URL(beside, here))}, import.meta.url${end}`,
      );
    },
  };
  const ascii = {
    name: 'ascii',
    generateBundle(_, files) {
      for (const file of Object.values(files)) if (file.type === 'chunk') file.code = inAscii(file.code);
    },
  };
  for (const entries of processes) {
    const input = Object.fromEntries(entries.map((entry) => [nameOf(entry), join(dist, entry)]));
    const made = await rolldown({ input, platform: 'node', external: /^[^./]/, plugins: [places, ascii] });
    await made.write({
      dir: folder,
      format: 'esm',
      comments: false,
      chunkFileNames: `${nameOf(entries[0])}-[name].js`,
    });
    await made.close();
  }
}

/** Without its comments, a text has other characters in strings, templates and expressions only, where an escape means the same. */
function inAscii(code) {
  return code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) await bundle();
