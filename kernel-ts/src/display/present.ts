/**
 * Finds the rich form of any value by its shape, in a fixed order. Never touches the board: objects show cached facts.
 * A value whose own display method throws shows the error beside its plain form instead of failing the cell.
 */
import { type Bundle, jupyterDisplay } from './bundle.js';
import { chartBundle } from './chart.js';
import { finished } from './finished.js';
import { plainText } from './plain.js';
import { isSummary, summaryBundle } from './summary.js';
import { isArrowTable, tableBundle } from './table.js';
import { isNdarray, isTypedArray, tensorBundle, typedArrayBundle } from './tensor.js';

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function pictureBundle(bytes: Uint8Array): Bundle | undefined {
  const starts = (...magic: readonly number[]): boolean => magic.every((byte, at) => bytes[at] === byte);
  const base64 = (): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  if (starts(0x89, 0x50, 0x4e, 0x47))
    return { 'image/png': base64(), 'text/plain': `[PNG picture, ${bytes.length} bytes]` };
  if (starts(0xff, 0xd8, 0xff))
    return { 'image/jpeg': base64(), 'text/plain': `[JPEG picture, ${bytes.length} bytes]` };
  return undefined;
}

/** A canvas's picture; a canvas that gives no data URL is shown as text. */
function canvasBundle(url: unknown): Bundle | undefined {
  const [, mime, data] = /^data:(image\/(?:png|jpeg|webp|gif));base64,(.*)$/s.exec(String(url)) ?? [];
  return mime === undefined ? undefined : { [mime]: data, 'text/plain': `[${mime} picture]` };
}

/** An element by its markup. A picture alone is sent as one: front ends strip pictures out of HTML that they do not trust. */
function elementBundle(markup: string): Bundle {
  if (!/^<svg[\s>]/.test(markup)) return { 'text/html': markup, 'text/plain': '[HTML element]' };
  const isNamed = /^<svg[^>]*\sxmlns=/.test(markup);
  const picture = isNamed ? markup : markup.replace('<svg', '<svg xmlns="http://www.w3.org/2000/svg"');
  return { 'image/svg+xml': picture, 'text/plain': '[SVG picture]' };
}

function isBundle(value: unknown): value is Bundle {
  return isRecord(value) && Object.keys(value).every((key) => key.includes('/'));
}

async function ownDisplay(value: object): Promise<Bundle | undefined> {
  const method: unknown = Reflect.get(value, jupyterDisplay);
  if (typeof method !== 'function') return undefined;
  const bundle: unknown = await method.call(value);
  if (!isBundle(bundle)) throw new TypeError('the Jupyter.display method must return an object of MIME types');
  return bundle;
}

async function byShape(value: object): Promise<Bundle | undefined> {
  const own = await ownDisplay(value);
  if (own !== undefined) return own;
  if (isArrowTable(value)) return tableBundle(value);
  if (isNdarray(value)) return tensorBundle(value, value.data.constructor.name);
  if (value instanceof Uint8Array) {
    const picture = pictureBundle(value);
    if (picture !== undefined) return picture;
  }
  if (isTypedArray(value)) return Buffer.isBuffer(value) ? undefined : typedArrayBundle(value);
  const shaped = value as { toSpec?: unknown; toDataURL?: unknown; outerHTML?: unknown };
  if (typeof shaped.toSpec === 'function') return chartBundle(shaped.toSpec() as Record<string, unknown>, '[chart]');
  if (typeof shaped.toDataURL === 'function') return canvasBundle(shaped.toDataURL() as unknown);
  if (typeof shaped.outerHTML === 'string') return elementBundle(shaped.outerHTML);
  if (isSummary(value)) return summaryBundle(value);
  if (Array.isArray(value) && value.length > 0 && value.every(isRecord)) return tableBundle(value);
  return undefined;
}

/** The rich form of a value, or undefined where plain text says it best. Never rejects. */
export async function present(value: unknown): Promise<Bundle | undefined> {
  if (typeof value !== 'object' || value === null) return undefined;
  try {
    const bundle = await byShape(value);
    return bundle && finished(bundle);
  } catch (error) {
    return { 'text/plain': `${plainText(value)}\n[its display failed: ${String(error)}]` };
  }
}
