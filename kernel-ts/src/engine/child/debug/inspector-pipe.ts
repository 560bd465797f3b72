/**
 * Carries the front's commands to V8's inspector of the main thread, from the worker, and its events back. Knows no debugger:
 * it opens the session with the first command and forwards. Surprise: a stopped main thread takes part in nothing, so this is
 * also the only place that can make it run on for an interrupt.
 */
import { Session } from 'node:inspector';
import type { FromWorker, InspectorCommand } from '../../channel.js';

type Notification = { readonly method: string; readonly params: Record<string, unknown> };

export class InspectorPipe {
  readonly #send: (message: FromWorker) => void;
  #session: Session | undefined;
  #stopped = false;

  constructor(send: (message: FromWorker) => void) {
    this.#send = send;
  }

  /** Carries out a command; its answer names the command's id. */
  command({ id, method, params }: InspectorCommand): void {
    this.#session ??= this.#open();
    this.#session.post(method, params, (error: Error | null, result?: object) => {
      this.#send({ kind: 'inspected', id, result, error: error === null ? undefined : error.message });
    });
  }

  /** Ends the session: breakpoints are gone, and stopped code runs on. */
  close(): void {
    this.#session?.disconnect();
    this.#session = undefined;
    this.#stopped = false;
  }

  /** Ends the code that is stopped, if any is, as an interrupt would. */
  release(): void {
    if (this.#stopped) this.#session?.post('Debugger.resume', { terminateOnResume: true });
  }

  #open(): Session {
    const session = new Session();
    session.connectToMainThread();
    session.on('inspectorNotification', (notification) => {
      const { method, params } = notification as unknown as Notification;
      if (method === 'Debugger.paused') this.#stopped = true;
      else if (method === 'Debugger.resumed') this.#stopped = false;
      else if (method !== 'Debugger.scriptParsed' || String(params.url).startsWith('node:')) return;
      this.#send({ kind: 'inspector-event', method, params });
    });
    return session;
  }
}
