/**
 * A few files as one ustar archive and back: what `tar xf` reads. Knows plain files with plain names; refuses folders, links and
 * every name that could leave the folder it is unpacked in. The same files give the same bytes: no time, no owner.
 */

/** One file. */
export interface TarFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const block = 512;
const nameField = 100;
const sizeAt = 124;
const sumAt = 148;
const kindAt = 156;
const magicAt = 257;

/** True for a name that means a file in the folder itself, wherever it is unpacked. */
export function isPlainName(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(name) && name.length <= nameField;
}

const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;

/** Sum of a header's bytes, its own sum counted as blanks. */
function headerSum(header: Uint8Array): number {
  return header.reduce((sum, byte, at) => sum + (at >= sumAt && at < sumAt + 8 ? 0x20 : byte), 0);
}

function headerOf({ name, bytes }: TarFile): Uint8Array {
  if (!isPlainName(name)) throw new RangeError(`${JSON.stringify(name)} is no plain file name`);
  const header = Buffer.alloc(block);
  header.write(name, 0, 'latin1');
  header.write(octal(0o644, 7), 100, 'latin1');
  header.write(octal(0, 7), 108, 'latin1');
  header.write(octal(0, 7), 116, 'latin1');
  header.write(octal(bytes.byteLength, 11), sizeAt, 'latin1');
  header.write(octal(0, 11), 136, 'latin1');
  header.write('0', kindAt, 'latin1');
  header.write('ustar\0' + '00', magicAt, 'latin1');
  header.write(`${octal(headerSum(header), 6)} `, sumAt, 'latin1');
  return header;
}

/** The archive of some files. Throws RangeError for a name that is not plain. */
export function tarOf(files: readonly TarFile[]): Uint8Array {
  const parts = files.flatMap((file) => [
    headerOf(file),
    file.bytes,
    Buffer.alloc((block - (file.bytes.byteLength % block)) % block),
  ]);
  return Buffer.concat([...parts, Buffer.alloc(2 * block)]);
}

/** The files of an archive. Throws RangeError where it is damaged, or holds anything but plain files. */
export function filesOfTar(archive: Uint8Array): TarFile[] {
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength);
  const files: TarFile[] = [];
  for (let at = 0; at + block <= bytes.length; ) {
    const header = bytes.subarray(at, at + block);
    if (header.every((byte) => byte === 0)) return files;
    const text = (from: number, length: number) =>
      header.toString('latin1', from, from + length).replace(/[\0 ]+$/, '');
    if (Number.parseInt(text(sumAt, 8), 8) !== headerSum(header))
      throw new RangeError(`the archive is damaged at byte ${at}`);
    const [name, size] = [text(0, nameField), Number.parseInt(text(sizeAt, 12), 8)];
    if (text(kindAt, 1) !== '0' || !isPlainName(name))
      throw new RangeError(`the archive holds ${JSON.stringify(name)}, which is no plain file`);
    const from = at + block;
    if (!(size >= 0 && from + size <= bytes.length)) throw new RangeError(`the archive ends inside ${name}`);
    files.push({ name, bytes: new Uint8Array(bytes.subarray(from, from + size)) });
    at = from + Math.ceil(size / block) * block;
  }
  throw new RangeError('the archive has no end');
}
