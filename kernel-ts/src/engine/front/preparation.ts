/**
 * From a cell's text to what the child runs: read, checked and compiled, the last two at the same time in two processes.
 * Knows complaints and how they are shown; refuses to know when a cell runs.
 */
import type { CellSettings, EngineLog } from '../cell-host.js';
import type { CompiledText } from '../channel.js';
import { type Complaint, complaintLines, parserComplaint, UNTYPED_MODULE } from '../complaint.js';
import type { CellOutcome, CellRequest, EngineOutput, ShownError } from '../types.js';
import { analyzeCell, type CellAnalysis, cellText } from './analyze.js';
import type { StagedCell } from './cell-files.js';
import type { Checker } from './checker.js';
import { compileCell } from './compile.js';
import { unknownMagic } from './magics.js';
import { codeOfSyntax, codeOfTypes } from './remedies.js';
import { complaintError, engineError } from './shown.js';
import { within } from './within.js';

/** A checker that has not answered by then does not hold up the cell. */
const CHECK_WITHIN_MS = 20_000;

/** What preparing needs of the engine. */
export interface PreparationHost {
  readonly checker: Checker;
  readonly log: EngineLog;
  /** What a type error does now; cells change it. */
  check(): CellSettings['check'];
  output(requestId: string, output: EngineOutput): void;
}

/** A cell that may run. `staged` must be published when it does, or discarded. */
export interface PreparedCell {
  readonly text: CompiledText;
  /** Names of values that the cell declares. */
  readonly names: readonly string[];
  readonly staged: StagedCell;
}

/** Prepares cells and expressions. */
export class Preparation {
  readonly #host: PreparationHost;
  #sequence = 0;
  #checkerSilent = false;
  /** Modules of which was said that they have no types. */
  readonly #untyped = new Set<string>();

  constructor(host: PreparationHost) {
    this.#host = host;
  }

  /** The cell ready to run, or the error that it ends with; nothing of it stays staged then. */
  async cell(request: CellRequest): Promise<PreparedCell | ShownError> {
    const { checker } = this.#host;
    const label = `cell ${request.executionCount}`;
    let analysis: CellAnalysis;
    try {
      analysis = analyzeCell(request.code);
    } catch (error) {
      return this.#syntaxError(label, request.code, error);
    }
    const staged = checker.stage({ ...analysis, asTyped: undefined }, request.cellId); // no tree while the cell runs
    const checking = this.#host.check() === 'off' ? undefined : this.#complaints(request.requestId, staged);
    let text: CompiledText;
    try {
      text = this.#compile(analysis, label);
    } catch (error) {
      const said = (await checking) ?? [];
      checker.files.discard(staged);
      if (said.length === 0) return this.#syntaxError(label, request.code, error);
      return complaintError('SyntaxError', codeOfTypes(said, 'cell.syntax'), label, analysis.text, said);
    }
    const complaints = this.#withoutUntyped(request.requestId, (await checking) ?? []);
    if (complaints.length > 0 && this.#host.check() === 'error') {
      checker.files.discard(staged);
      return complaintError('TypeCheckError', codeOfTypes(complaints), label, analysis.text, complaints);
    }
    if (complaints.length > 0) {
      const warning = complaintLines(label, analysis.text, complaints).join('\n');
      this.#host.output(request.requestId, { kind: 'stream', name: 'stderr', text: `${warning}\n` });
    }
    const names = [...analysis.names].filter(([, kind]) => kind !== 'type').map(([name]) => name);
    return { text, names, staged };
  }

  /** A user expression ready to run, or its own error. */
  expression(name: string, code: string): CompiledText | CellOutcome {
    try {
      return this.#compile(analyzeCell(`(${code}\n)`), `expression ${name}`);
    } catch (error) {
      const complaint = { code: undefined, ...parserComplaint(error, `(${code}\n)`) };
      return {
        status: 'error',
        ...complaintError('SyntaxError', 'cell.syntax', `expression ${name}`, code, [complaint]),
      };
    }
  }

  #compile(analysis: CellAnalysis, label: string): CompiledText {
    this.#sequence++;
    return compileCell(analysis, `npulab:${this.#sequence}`, label, this.#host.checker.files.earlierNames());
  }

  /** The checker's complaints; a checker that fails or is late costs a notice, never the cell. */
  async #complaints(requestId: string, staged: StagedCell): Promise<Complaint[]> {
    const { checker, log } = this.#host;
    try {
      const found = await within(CHECK_WITHIN_MS, checker.check(staged));
      if (found === undefined) throw new Error(`it did not answer within ${CHECK_WITHIN_MS / 1000} s`);
      this.#checkerSilent = false;
      return found;
    } catch (error) {
      log.write(`the type checker failed: ${(error as Error).stack}`);
      if (!this.#checkerSilent) {
        const why = `the type checker failed (${(error as Error).message})`;
        const { traceback } = engineError('Unchecked', 'engine.checker-unavailable', why, [`log: ${log.path}`]);
        this.#host.output(requestId, { kind: 'stream', name: 'stderr', text: `${traceback.join('\n')}\n` });
      }
      this.#checkerSilent = true;
      return [];
    }
  }

  /** Says once of each module that it has no types; that keeps no cell from running. */
  #withoutUntyped(requestId: string, complaints: readonly Complaint[]): readonly Complaint[] {
    for (const { code, message } of complaints) {
      const [, module] = /'([^']+)'/.exec(message) ?? [];
      if (code !== UNTYPED_MODULE || module === undefined || this.#untyped.has(module)) continue;
      this.#untyped.add(module);
      const types = /npm i --save-dev \S+?(?=`)/.exec(message)?.[0];
      const remedy = types === undefined ? '' : ` Where they exist, \`${types}\` brings them.`;
      const text = `'${module}' comes without types: what it exports is any.${remedy}\n`;
      this.#host.output(requestId, { kind: 'stream', name: 'stderr', text });
    }
    return complaints.filter(({ code }) => code !== UNTYPED_MODULE);
  }

  /** The compiler's words for a text that does not parse, or the parser's where the compiler cannot be asked. */
  async #syntaxError(label: string, typed: string, error: unknown): Promise<ShownError> {
    const text = cellText(typed);
    let complaints: Complaint[] = [];
    const magic = unknownMagic(typed);
    if (magic !== undefined) {
      const [start, end] = [magic.start, magic.start + magic.word.length + 1];
      const message = `There is no magic %${magic.word}; %help lists them.`;
      complaints = [{ code: undefined, message, start, end }];
    } else if (this.#host.check() !== 'off') {
      try {
        complaints = (await within(CHECK_WITHIN_MS, this.#host.checker.syntax(text))) ?? [];
      } catch {
        // the parser's own message is good enough
      }
    }
    if (complaints.length === 0) complaints = [{ code: undefined, ...parserComplaint(error, text) }];
    const code = magic === undefined ? codeOfSyntax(text) : 'cell.syntax';
    return complaintError('SyntaxError', code, label, text, complaints);
  }
}
