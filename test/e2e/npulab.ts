// Runs the product's own command as a user does, with state, data and cache in a folder of the test.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../..');
export const launcher = join(root, 'kernel-ts/bin/npulab.js');

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder that goes when the test ends, and `npulab` run in it. */
export class Workplace implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'npulab-e2e-'));

  /** Environment of every command: nothing of the user's home is read or written. */
  readonly environment = {
    ...process.env,
    HOME: this.folder,
    XDG_STATE_HOME: join(this.folder, 'state'),
    XDG_DATA_HOME: join(this.folder, 'data'),
    NO_COLOR: '1',
  };

  /** Runs `npulab …args` to its end. */
  npulab(args: readonly string[], environment: Record<string, string> = {}): Promise<Ended> {
    return new Promise((done, fail) => {
      const child = spawn(process.execPath, [launcher, ...args], {
        cwd: this.folder,
        env: { ...this.environment, ...environment },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stdout = '';
      let stderr = '';
      child.stdout.setEncoding('utf8').on('data', (text) => {
        stdout += text;
      });
      child.stderr.setEncoding('utf8').on('data', (text) => {
        stderr += text;
      });
      child.on('error', fail);
      child.on('close', (status) => done({ status, stdout, stderr }));
    });
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  write(name: string, content: string | Uint8Array): string {
    writeFileSync(this.path(name), content);
    return this.path(name);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

export interface StoredOutput {
  readonly output_type: string;
  readonly text?: string | string[];
  readonly ename?: string;
  readonly evalue?: string;
  readonly traceback?: string[];
  readonly data?: Record<string, string | string[]>;
  readonly metadata?: { npulab?: { volatile?: boolean } };
}

export interface StoredNotebook {
  readonly cells: {
    id: string;
    cell_type: string;
    metadata: Record<string, unknown>;
    outputs?: StoredOutput[];
    execution_count?: number | null;
  }[];
  readonly metadata: Record<string, unknown>;
}

const joined = (text: string | string[] | undefined): string => (Array.isArray(text) ? text.join('') : (text ?? ''));

/** Everything a cell printed, results included, as plain text. */
export function printed(notebook: StoredNotebook, id: string): string {
  const outputs = notebook.cells.find((cell) => cell.id === id)?.outputs ?? [];
  return outputs
    .map((output) => joined(output.text) || joined(output.data?.['text/plain']) || (output.traceback ?? []).join('\n'))
    .join('\n');
}

/** The notebook without what may differ between runs: execution times and volatile outputs. */
export function comparable(notebook: StoredNotebook): unknown {
  const { papermill: _, ...metadata } = notebook.metadata as { papermill?: unknown };
  return {
    ...notebook,
    metadata,
    cells: notebook.cells.map((cell) => {
      const {
        execution: _times,
        papermill: _run,
        ...rest
      } = cell.metadata as { execution?: unknown; papermill?: unknown };
      return {
        ...cell,
        metadata: rest,
        outputs: cell.outputs
          ?.filter((output) => output.metadata?.npulab?.volatile !== true)
          .map(({ data: { 'application/vnd.jupyter.widget-view+json': _view, ...data } = {}, ...output }) => ({
            ...output,
            data, // a widget's view names a model of one kernel
          })),
      };
    }),
  };
}

/** Writes a notebook of code cells; a failing cell does not stop the run. */
export function notebookOf(cells: Record<string, string>): string {
  return JSON.stringify({
    nbformat: 4,
    nbformat_minor: 5,
    metadata: { kernelspec: { name: 'npulab', display_name: 'TypeScript (NPU Lab)', language: 'typescript' } },
    cells: Object.entries(cells).map(([id, source]) => ({
      ...{ cell_type: 'code', id, source, outputs: [], execution_count: null },
      metadata: { tags: ['raises-exception'] },
    })),
  });
}
