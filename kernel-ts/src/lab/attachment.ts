/**
 * Files that go with a report, such as a recorded NPU job: one compressed archive and a list of what is in it. Knows MIME types and
 * the limit; refuses to know what the files mean. Surprising: only the list is compared when a report is verified, since two
 * builds of zlib may pack the same files differently; the list holds the digest of every file.
 */
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { type Bundle, bytesText, card, jupyterDisplay } from '../display/index.js';
import { isPlainName, type TarFile, tarOf } from '../tar.js';
import { LabError } from './errors.js';

/** MIME type of the list of an attachment's files; the report reads it. */
export const attachmentMime = 'application/vnd.npulab.attachment+json';
/** MIME type of its archive, base64. */
export const archiveMime = 'application/gzip';

/** What can be attached: anything with files, such as a capture. */
export interface Attachable {
  readonly files: readonly TarFile[];
}

/** Compressed bytes of one attachment: as base64 it stays below the 3 MB that a Jupyter server passes on at once. */
export const defaultAttachLimitBytes = 2 * 2 ** 20;

/** The display of an attachment. Errors: `lab.attachment-name`, `lab.attachment-too-large`. */
export async function attachmentBundle(name: string, { files }: Attachable, limitBytes: number): Promise<Bundle> {
  const odd = [name, ...files.map((file) => file.name)].find((one) => !isPlainName(one));
  if (odd !== undefined) throw new LabError('lab.attachment-name', `${JSON.stringify(odd)} is no plain file name`);
  const { gzip } = await import('node:zlib');
  const archive = await promisify(gzip)(tarOf(files), { level: 9 });
  if (archive.byteLength > limitBytes) {
    throw new LabError(
      'lab.attachment-too-large',
      `"${name}" takes ${archive.byteLength} bytes compressed; an attachment may take ${limitBytes}`,
    );
  }
  const sizeBytes = files.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
  const list = files.map(({ name, bytes }) => ({
    name,
    sizeBytes: bytes.byteLength,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  }));
  const shown = card(`Attachment ${name}`, {
    files: `${files.length}, ${bytesText(sizeBytes)}`,
    'take it out': `npulab extract REPORT.html, or tar xzf ${name}.tar.gz`,
  });
  return {
    ...(await shown[jupyterDisplay]()),
    [attachmentMime]: { schema: 1, name, sizeBytes, files: list },
    [archiveMime]: archive.toString('base64'),
  };
}
