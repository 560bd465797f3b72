/** Attachments of a report: the link a browser saves them by, and how they are taken out and checked again. */
import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { escapeHtml } from '../display/index.js';
import { filesOfTar, isPlainName, type TarFile } from '../tar.js';
import { ReportError } from './errors.js';
import { joined, type MultilineText, type Notebook, type Output } from './notebook.js';

/** MIME types by which a cell hands an attachment to the report: the list of its files, and their archive as base64. */
export const attachmentMime = 'application/vnd.npulab.attachment+json';
export const archiveMime = 'application/gzip';

/** What a report's record says about an attachment. */
export interface AttachmentList {
  readonly schema: 1;
  readonly name: string;
  readonly sizeBytes: number;
  readonly files: readonly { readonly name: string; readonly sizeBytes: number; readonly sha256: string }[];
}

/** More than this no attachment unpacks to; a recording has at most half of it. */
const mostBytes = 2 ** 30;

const listOf = (output: Output): AttachmentList | undefined => {
  const list = output.data?.[attachmentMime] as AttachmentList | undefined;
  return list?.schema === 1 && isPlainName(list.name) && output.data?.[archiveMime] !== undefined ? list : undefined;
};

/** Lists of all attachments of an executed notebook; of one name the last. */
export function attachmentsOf(notebook: Notebook): AttachmentList[] {
  const lists = notebook.cells.flatMap((cell) => cell.outputs ?? []).flatMap((output) => listOf(output) ?? []);
  return lists.filter(({ name }, index) => lists.findLastIndex((other) => other.name === name) === index);
}

const opening = (name: string) => `<a class="attachment" download="${name}.tar.gz" href="data:${archiveMime};base64,`;

/** The link to an attachment; empty for other outputs. */
export function attachmentHtml(output: Output): string {
  const list = listOf(output);
  if (list === undefined) return '';
  const archive = joined(output.data?.[archiveMime] as MultilineText).replace(/\s/g, '');
  const files = `${list.files.length} ${list.files.length === 1 ? 'file' : 'files'}`;
  return `<p>${opening(list.name)}${archive}">${escapeHtml(list.name)}.tar.gz</a> (${files})</p>`;
}

/** Files of one attachment of a report's HTML, checked against its record. Error: `report.damaged-attachment`. */
export function attachedFiles(html: string, list: AttachmentList): TarFile[] {
  const damaged = (what: string, cause?: unknown) =>
    new ReportError('report.damaged-attachment', `attachment ${list.name}: ${what}`, { cause });
  const from = html.lastIndexOf(opening(list.name));
  const to = from < 0 ? -1 : html.indexOf('"', from + opening(list.name).length);
  if (to < 0) throw damaged('its archive is missing');
  let files: TarFile[];
  try {
    const archive = Buffer.from(html.slice(from + opening(list.name).length, to), 'base64');
    files = filesOfTar(gunzipSync(archive, { maxOutputLength: mostBytes }));
  } catch (cause) {
    throw damaged('its archive cannot be unpacked', cause);
  }
  const found = files.map(({ name, bytes }) => `${name} ${createHash('sha256').update(bytes).digest('hex')}`);
  const recorded = list.files.map(({ name, sha256 }) => `${name} ${sha256}`);
  if (found.join('\n') !== recorded.join('\n')) throw damaged('its files are not those that the record names');
  return files;
}
