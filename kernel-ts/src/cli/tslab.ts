/**
 * What `import * as tslab from 'tslab'` gives in a cell: the public names of tslab 1.0.22, so that its notebooks run
 * unchanged. Knows MIME types; refuses to know tslab, which need not be installed.
 */
import { randomUUID } from 'node:crypto';
import { typescriptVersion, version } from '../version.js';

/** Shows a bundle for the running cell; the engine's cell host satisfies it. */
type Show = (data: Record<string, unknown>, options?: { displayId?: string; update?: boolean }) => void;

/** Text or bytes under one MIME type. */
function bundle(mime: string, content: string | Uint8Array): Record<string, unknown> {
  const text = typeof content === 'string' ? content : Buffer.from(content).toString('base64');
  return { [mime]: text, 'text/plain': mime === 'text/plain' ? text : `[${mime}]` };
}

/** The module. */
export function tslabModule(show: Show): Record<string, unknown> {
  const displayOf = (emit: (data: Record<string, unknown>) => void): Record<string, unknown> => {
    const under = (mime: string) => (content: string | Uint8Array) => emit(bundle(mime, content));
    return {
      javascript: under('text/javascript'),
      html: under('text/html'),
      markdown: under('text/markdown'),
      latex: under('text/latex'),
      svg: under('image/svg+xml'),
      png: under('image/png'),
      jpeg: under('image/jpeg'),
      gif: under('image/gif'),
      pdf: under('application/pdf'),
      text: under('text/plain'),
      raw: (mime: string, content: string | Uint8Array) => emit(bundle(String(mime), content)),
    };
  };
  return {
    display: displayOf((data) => show(data)),
    /** A display that later calls replace in place. */
    newDisplay: () => {
      const displayId = `tslab-${randomUUID()}`; // a new process must not replace what an older one showed
      let update = false;
      return displayOf((data) => {
        show(data, { displayId, update });
        update = true;
      });
    },
    versions: Object.freeze({
      tslab: `NPU Lab ${version}`,
      typescript: typescriptVersion,
      node: process.versions.node,
    }),
  };
}
