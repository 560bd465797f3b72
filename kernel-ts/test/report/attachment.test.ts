import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { attachmentBundle } from '../../src/lab/attachment.js';
import { attachedFiles, compareRuns, notebookOf, recordIn, renderReport } from '../../src/report/index.js';
import { filesOfTar, tarOf } from '../../src/tar.js';

const bytes = (length: number, seed: number) => Uint8Array.from({ length }, (_, at) => (at * seed + (at >> 8)) & 255);
const files = [
  { name: 'JOB.json', bytes: new TextEncoder().encode('{"soc":"rk3568"}') },
  { name: '0.bin', bytes: bytes(1024, 7) },
  { name: 'empty.bin', bytes: new Uint8Array(0) },
];

describe('an archive', () => {
  it('gives its files back, and the same files give the same bytes', () => {
    expect(filesOfTar(tarOf(files))).toEqual(files.map(({ name, bytes }) => ({ name, bytes: new Uint8Array(bytes) })));
    expect(tarOf(files)).toEqual(tarOf(files));
  });

  it('is what tar reads', () => {
    const folder = mkdtempSync(join(tmpdir(), 'npulab-tar-'));
    try {
      writeFileSync(join(folder, 'a.tar'), tarOf(files));
      execFileSync('tar', ['xf', 'a.tar'], { cwd: folder });
      for (const { name, bytes } of files)
        expect(new Uint8Array(readFileSync(join(folder, name)))).toEqual(new Uint8Array(bytes));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each(['../JOB.json', '/etc/x', 'a/b', '..', '.hidden', '', 'ä'])('takes no file called %j', (name) => {
    expect(() => tarOf([{ name, bytes: bytes(1, 1) }])).toThrow(RangeError);
  });

  it('is refused where a byte of a header changed, where it ends early, and where it holds a link', () => {
    const whole = Buffer.from(tarOf(files));
    const changed = Buffer.from(whole);
    changed[0]! ^= 1;
    expect(() => filesOfTar(changed)).toThrow('damaged at byte 0');
    expect(() => filesOfTar(whole.subarray(0, 700))).toThrow('the archive has no end');
    expect(() => filesOfTar(whole.subarray(0, 1536))).toThrow('ends inside 0.bin');
    const link = Buffer.from(whole);
    link[156] = '2'.charCodeAt(0);
    link.write('0', 148 + 5, 'latin1');
    const sum = link.subarray(0, 512).reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 32 : byte), 0);
    link.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    expect(() => filesOfTar(link)).toThrow('no plain file');
  });
});

const run = async (content = files) => {
  const data = await attachmentBundle('one-job', { files: content }, 1 << 20);
  const cells = [
    {
      ...{ cell_type: 'code', id: 'a', source: '', metadata: {}, execution_count: 1 },
      outputs: [{ output_type: 'display_data', data, metadata: {} }],
    },
  ];
  return notebookOf({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells }, 'test.ipynb');
};
const page = async (content = files) => renderReport(await run(content), { name: 'test', parameters: {}, builds: {} });

describe('an attachment', () => {
  it('is a link in the report that saves an archive, and its files come out as they went in', async () => {
    const html = await page();
    expect(html).toContain('<a class="attachment" download="one-job.tar.gz" href="data:application/gzip;base64,');
    const [list] = recordIn(html, 'x.html').attachments ?? [];
    expect(list).toMatchObject({ name: 'one-job', sizeBytes: 1040 });
    expect(attachedFiles(html, list!)).toEqual(filesOfTar(tarOf(files)));
  });

  it('is compared by its files, however they are packed', async () => {
    const record = recordIn(await page(), 'x.html');
    const again = structuredClone(await run()) as unknown as {
      cells: { outputs: { data: Record<string, string> }[] }[];
    };
    again.cells[0]!.outputs[0]!.data['application/gzip'] = gzipSync(tarOf(files), { level: 1 }).toString('base64');
    expect(compareRuns(record, notebookOf(again, 'x')).differences).toEqual([]);
    const other = await run([...files.slice(0, 2), { name: 'empty.bin', bytes: bytes(1, 1) }]);
    expect(compareRuns(record, other).differences.map(({ part }) => part)).toContain(
      'application/vnd.npulab.attachment+json',
    );
  });

  it.each([
    [
      'another archive in its place',
      (html: string) =>
        html.replace(/(gzip;base64,)[^"]+/, `$1${gzipSync(tarOf(files.slice(0, 1))).toString('base64')}`),
    ],
    ['no archive', (html: string) => html.replace('class="attachment"', '')],
    ['bytes that are no archive', (html: string) => html.replace(/(gzip;base64,)[^"]+/, '$1AAAA')],
  ])('is refused with %s', async (_what, forge) => {
    const html = await page();
    const [list] = recordIn(html, 'x.html').attachments ?? [];
    expect(() => attachedFiles(forge(html), list!)).toThrow(
      expect.objectContaining({ code: 'report.damaged-attachment' }),
    );
  });

  it('that is too large says how large it is and what to do', async () => {
    const random = Uint8Array.from({ length: 5000 }, (_, at) => (Math.imul(at + 1, 2654435761) >>> 13) & 255);
    await expect(attachmentBundle('big', { files: [{ name: 'a', bytes: random }] }, 1000)).rejects.toMatchObject({
      code: 'lab.attachment-too-large',
      message: expect.stringMatching(/^"big" takes \d{4} bytes compressed; an attachment may take 1000$/),
      remedy: expect.stringContaining('capture.save'),
    });
  });

  it('needs a plain name', async () => {
    await expect(attachmentBundle('../x', { files }, 1000)).rejects.toMatchObject({ code: 'lab.attachment-name' });
  });
});
