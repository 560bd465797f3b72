/** What the lab asks of the kernel it runs in. Knows no engine: `cli` composes an object of this shape. */
import type { DisplayFunctions } from '../display/index.js';

export interface LabContext extends DisplayFunctions {
  /** Aborts when the running cell is interrupted. */
  readonly signal: AbortSignal;
  /** The notebook's folder: relative paths start here. */
  readonly folder: string;
  /** Folder for the logs of the kernel and of agents it starts. */
  readonly logFolder: string;
  /** Version of the kernel package. */
  readonly kernelVersion: string;
}

/** `signal` and a deadline, as every waiting call of the lab takes them. The default signal is the running cell's. */
export interface WaitOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}
