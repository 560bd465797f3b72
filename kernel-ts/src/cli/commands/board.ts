/** npulab board: the boards of the boards file, and who has their serial ports. */
import { boardsPath, describeHolder, holderOf, readBoards } from '@npulab/board';
import { type Command, exit, parse } from '../command.js';
import { CliError } from '../errors.js';

export const board: Command = {
  help: `Usage: npulab board list [--json]

Lists the boards of ~/.config/npulab/boards.json ($XDG_CONFIG_HOME/npulab where that is set), a file of the form

  { "lab1": { "address": "serial:///dev/ttyUSB0?baud=1500000", "key": "lab1" }, "desk": { "address": "tcp://desk:7777" } }

and who holds their serial ports. lab.connect('lab1') connects by name; "key" names a file in ~/.config/npulab/keys (64 hex digits, mode 0600).
npulab doctor --board NAME looks whether a board answers.
`,
  async run(argv, streams) {
    const { values, words } = parse(argv, { json: { type: 'boolean' } }, { least: 1, most: 1, name: 'list' });
    if (words[0] !== 'list') throw new CliError('cli.usage', `there is no "npulab board ${words[0]}"`);
    const rows = readBoards().map((one) => {
      const port = /^serial:\/\/([^?]+)/.exec(one.address)?.[1];
      return { ...one, holder: port === undefined ? null : holderOf(port) };
    });
    if (values.json) streams.out(`${JSON.stringify(rows, undefined, 1)}\n`);
    else if (rows.length === 0) streams.out(`no boards in ${boardsPath()}\n`);
    for (const { name, address, key, holder } of values.json ? [] : rows) {
      const who = holder ? `, held by ${describeHolder(holder)}; ${holder.remedy}` : '';
      streams.out(`${name}: ${address}${key === null ? '' : `, key ${key}`}${who}\n`);
    }
    return exit.ok;
  },
};
