/** npulab extract: takes attachments out of a report, each into a folder of its name, checked against the report's record. */
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { attachedFiles, ReportError, recordIn } from '../../report/index.js';
import { type Command, exit, parse } from '../command.js';
import { CliError } from '../errors.js';
import { readReport } from '../read-report.js';

export const extract: Command = {
  help: `Usage: npulab extract REPORT.html [NAME…] [-o FOLDER] [--json]

Lists the files that a report holds; with -o writes them to FOLDER/NAME/. A recorded NPU job is then replayed by
npulab-npu run FOLDER/NAME/JOB.json.

  NAME          only these attachments
  -o FOLDER     write them there; existing files are replaced
  --json        the list as JSON

Exit status: 0 done, 1 the report holds no such attachment, or it is damaged.
`,
  async run(argv, streams) {
    const { values, words } = parse(
      argv,
      { out: { type: 'string', short: 'o' }, json: { type: 'boolean' } },
      { least: 1, most: 1000, name: 'REPORT.html' },
    );
    const [path, ...names] = words as [string, ...string[]];
    const html = await readReport(resolve(path));
    const held = recordIn(html, basename(path)).attachments ?? [];
    const absent = names.find((name) => !held.some((attachment) => attachment.name === name));
    if (absent !== undefined || held.length === 0) {
      const what = absent === undefined ? 'no attachment' : `no attachment called ${JSON.stringify(absent)}`;
      throw new ReportError('report.no-attachment', `${basename(path)} holds ${what}`);
    }
    const wanted = held.filter(({ name }) => names.length === 0 || names.includes(name));
    const written: string[] = [];
    for (const attachment of wanted) {
      const files = attachedFiles(html, attachment);
      if (values.out === undefined) continue;
      const folder = join(resolve(values.out), attachment.name);
      try {
        await mkdir(folder, { recursive: true });
        for (const { name, bytes } of files) await writeFile(join(folder, name), bytes);
      } catch (cause) {
        throw new CliError('cli.unwritable', `cannot write to ${folder}`, { cause });
      }
      written.push(folder);
    }
    if (values.json) streams.out(`${JSON.stringify(wanted, undefined, 1)}\n`);
    else {
      for (const [index, { name, files, sizeBytes }] of wanted.entries()) {
        const where = written[index] === undefined ? '' : ` → ${written[index]}`;
        streams.out(`${name}: ${files.length} files, ${sizeBytes} bytes${where}\n`);
      }
    }
    return exit.ok;
  },
};
