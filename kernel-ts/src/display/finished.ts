/**
 * The form in which a bundle leaves: text for text, base64 for bytes, plain JSON for JSON, and `text/plain` always beside
 * it. Refuses nothing: a part that cannot be sent (a circular object, a bigint in JSON) becomes a line of the plain text.
 */
import type { Bundle } from './bundle.js';

const isJson = (mime: string): boolean => mime === 'application/json' || mime.endsWith('+json');
const isText = (mime: string): boolean => /^text\/|\+xml$|javascript$/.test(mime);

/** A part as it is sent. Throws where it has no such form. */
function part(mime: string, content: unknown): unknown {
  if (isJson(mime)) {
    const text = JSON.stringify(content);
    if (text === undefined) throw new TypeError(`a ${typeof content} is no JSON`);
    return JSON.parse(text);
  }
  if (content instanceof Uint8Array) {
    const bytes = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    return bytes.toString(isText(mime) ? 'utf8' : 'base64');
  }
  if (Array.isArray(content) && content.every((line) => typeof line === 'string')) return content.join('');
  if (typeof content === 'string' || typeof content === 'number') return String(content);
  throw new TypeError(`${content === null ? 'null' : typeof content} is neither text nor bytes`);
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', '#39': "'" };

/** Text of markup, its scripts and styles left out. */
export function withoutMarkup(text: string): string {
  return text
    .replace(/<(script|style)[^>]*>[\s\S]*?<\/\1>/gi, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/&(lt|gt|amp|quot|#39);/g, (whole, name: string) => entities[name] ?? whole)
    .replace(/\s+/g, ' ')
    .trim();
}

/** What stands for a bundle where only text is shown. */
function plainOf(parts: Bundle): string {
  const html = parts['text/html'];
  const text = parts['text/markdown'] ?? parts['text/latex'] ?? (typeof html === 'string' ? withoutMarkup(html) : '');
  return text !== '' ? String(text) : `[${Object.keys(parts).join(', ') || 'nothing to show'}]`;
}

/** The bundle to send. Never throws. */
export function finished(bundle: Bundle): Bundle {
  const parts: Bundle = {};
  const failures: string[] = [];
  for (const [mime, content] of Object.entries(bundle)) {
    if (content === undefined) continue;
    try {
      parts[mime] = part(mime, content);
    } catch (error) {
      failures.push(`[${mime} cannot be shown: ${String(error).split('\n')[0]}]`);
    }
  }
  if (failures.length === 0 && 'text/plain' in parts) return parts;
  const plain = 'text/plain' in parts ? [String(parts['text/plain'])] : [];
  if (plain.length === 0 && (failures.length === 0 || Object.keys(parts).length > 0)) plain.push(plainOf(parts));
  return { ...parts, 'text/plain': [...plain, ...failures].join('\n') };
}
