/** npulab verify: runs the notebook inside a report again, in a folder of its own, and compares digests. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { attachedFiles, buildsHere, checkBuilds, compareRuns, recordIn, withoutOutputs } from '../../report/index.js';
import { type Parameters, runNotebook } from '../../report/runner/index.js';
import { type Command, exit, parse } from '../command.js';
import { CliError, describe } from '../errors.js';
import { kernelLog } from '../log-file.js';
import { readReport } from '../read-report.js';

export const verify: Command = {
  help: `Usage: npulab verify REPORT.html [--folder FOLDER] [--any-build] [--json]

Takes the notebook out of a report, runs it again in an empty folder and compares every output. Stored outputs are never
trusted. Outputs marked volatile are not compared: measured times differ from run to run. Attachments must be whole, and recorded again
with the same bytes.

  --folder FOLDER  run it there, for a notebook that reads files beside it
  --any-build  also when builds differ from those that the report names
  --json       the comparison as JSON

Exit status: 0 equal, 1 different (the first differences are named), 2 could not run.
`,
  async run(argv, streams) {
    const { values, words } = parse(
      argv,
      { 'any-build': { type: 'boolean' }, folder: { type: 'string' }, json: { type: 'boolean' } },
      { least: 1, most: 1, name: 'REPORT.html' },
    );
    const path = resolve(words[0]!);
    const own = await mkdtemp(join(tmpdir(), 'npulab-verify-'));
    const folder = values.folder === undefined ? own : resolve(values.folder);
    try {
      if (!existsSync(folder)) throw new CliError('cli.unreadable', `there is no folder ${folder}`);
      const html = await readReport(path);
      const record = recordIn(html, basename(path));
      for (const attachment of record.attachments ?? []) attachedFiles(html, attachment);
      if (!values['any-build']) checkBuilds(record, buildsHere());
      const parameters = record.parameters as Parameters;
      const { notebook, error } = await runNotebook(withoutOutputs(record.notebook), {
        folder,
        parameters,
        logFile: kernelLog,
      });
      const result = compareRuns(record, notebook);
      if (values.json) streams.out(`${JSON.stringify(result, undefined, 1)}\n`);
      else {
        for (const { cell, id, output, part, what } of result.differences.slice(0, 10)) {
          streams.out(`cell ${cell} (${id}), output ${output}, ${part}: ${what}\n`);
        }
        const { comparedCells, comparedOutputs, volatileOutputs } = result;
        const counts = `${comparedCells} cells, ${comparedOutputs} outputs compared, ${volatileOutputs} volatile`;
        streams.out(`${result.equal ? 'equal' : 'different'}: ${counts}\n`);
      }
      if (error && !result.equal) streams.err(`cell ${error.cell} failed now: ${error.ename}: ${error.evalue}\n`);
      return result.equal ? exit.ok : exit.failed;
    } catch (error) {
      streams.err(describe(error));
      return exit.usage;
    } finally {
      await rm(own, { recursive: true, force: true });
    }
  },
};
