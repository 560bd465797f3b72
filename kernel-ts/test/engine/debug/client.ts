/**
 * A debugging front end for tests: sends requests, keeps events, and holds every message of the debugger against the official
 * schema of the Debug Adapter Protocol (`testdata/debugProtocol.json`, from microsoft/debug-adapter-protocol).
 */
import { readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';
import type { Lab } from '../harness.js';

// biome-ignore lint/suspicious/noExplicitAny: tests reach into bodies.
export type Body = any;

export interface Answer {
  readonly success: boolean;
  readonly message?: string;
  readonly body?: Body;
}

export interface Told {
  readonly event: string;
  readonly body?: Body;
}

const schema = JSON.parse(readFileSync(new URL('../testdata/debugProtocol.json', import.meta.url), 'utf8')) as {
  $schema?: string;
  definitions: Record<string, object>;
};
delete schema.$schema; // draft 4, of which the file uses nothing that later drafts have changed
const ajv = new Ajv({ strict: false, allErrors: true });
ajv.addSchema(schema, 'dap');
const validators = new Map<string, ValidateFunction>();

/** Commands of Jupyter's own, with what the protocol of Jupyter says of their bodies. */
const JUPYTER: Record<string, object> = {
  debugInfo: {
    type: 'object',
    required: [
      ...['isStarted', 'hashMethod', 'hashSeed', 'tmpFilePrefix', 'tmpFileSuffix', 'breakpoints', 'stoppedThreads'],
      ...['richRendering', 'exceptionPaths', 'copyToGlobals'],
    ],
    properties: {
      isStarted: { type: 'boolean' },
      hashMethod: { const: 'Murmur2' },
      hashSeed: { type: 'integer' },
      tmpFilePrefix: { type: 'string' },
      tmpFileSuffix: { type: 'string' },
      breakpoints: {
        type: 'array',
        items: {
          type: 'object',
          required: ['source', 'breakpoints'],
          properties: {
            source: { type: 'string' },
            breakpoints: { type: 'array', items: { $ref: 'dap#/definitions/SourceBreakpoint' } },
          },
        },
      },
      stoppedThreads: { type: 'array', items: { type: 'integer' } },
      richRendering: { type: 'boolean' },
      exceptionPaths: { type: 'array', items: { type: 'string' } },
      copyToGlobals: { type: 'boolean' },
    },
  },
  dumpCell: { type: 'object', required: ['sourcePath'], properties: { sourcePath: { type: 'string' } } },
  inspectVariables: {
    type: 'object',
    required: ['variables'],
    properties: { variables: { type: 'array', items: { $ref: 'dap#/definitions/Variable' } } },
  },
  richInspectVariables: {
    type: 'object',
    required: ['data', 'metadata'],
    properties: {
      data: { type: 'object', required: ['text/plain'] },
      metadata: { type: 'object' },
    },
  },
  copyToGlobals: { $ref: 'dap#/definitions/SetExpressionResponse/allOf/1/properties/body' },
};

function validator(name: string, otherwise?: object): ValidateFunction {
  const known = validators.get(name);
  if (known !== undefined) return known;
  const made = ajv.compile(otherwise ?? { $ref: `dap#/definitions/${name}` });
  validators.set(name, made);
  return made;
}

function check(name: string, value: object, otherwise?: object): void {
  const validate = validator(name, otherwise);
  if (!validate(value)) throw new Error(`${name}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(value)}`);
}

/** Holds a reply of the debugger against the schema. */
export function checkResponse(response: Answer & { command: string }): void {
  const name = response.command.replace(/^./, (first) => first.toUpperCase());
  if (!response.success) check('ErrorResponse', response);
  else if (`${name}Response` in schema.definitions) check(`${name}Response`, response);
  else {
    check('Response', response);
    const body = JUPYTER[response.command];
    if (body === undefined) throw new Error(`${response.command} is in no protocol`);
    check(`${response.command} body`, response.body, body);
  }
}

/** Holds an event of the debugger against the schema. */
export function checkEvent(event: Told): void {
  const name = event.event.replace(/^./, (first) => first.toUpperCase());
  check(`${name}Event`, event);
}

export class DebugClient {
  readonly #lab: Lab;
  readonly events: Told[] = [];
  readonly #watchers = new Set<() => void>();
  #seen = 0;
  #seq = 0;
  #failure: Error | undefined;

  constructor(lab: Lab) {
    this.#lab = lab;
    lab.engine.onDebugEvent = (event) => {
      try {
        checkEvent(event);
      } catch (error) {
        this.#failure = error as Error;
      }
      this.events.push(event);
      for (const watcher of this.#watchers) watcher();
    };
  }

  /** Sends a request as it is and checks the answer. */
  async raw(content: Record<string, unknown>): Promise<Answer> {
    const answer = await this.#lab.engine.debug(content);
    if (this.#failure !== undefined) throw this.#failure;
    checkResponse(answer);
    return answer;
  }

  request(command: string, args?: object): Promise<Answer> {
    this.#seq += 1;
    return this.raw({ type: 'request', seq: this.#seq, command, ...(args === undefined ? {} : { arguments: args }) });
  }

  /** The body of a request that must succeed. */
  async body(command: string, args?: object): Promise<Body> {
    const answer = await this.request(command, args);
    if (!answer.success) throw new Error(`${command}: ${answer.message}`);
    return answer.body;
  }

  /** The message of a request that must fail. */
  async refusal(command: string, args?: object): Promise<string> {
    const answer = await this.request(command, args);
    if (answer.success) throw new Error(`${command} succeeded: ${JSON.stringify(answer.body)}`);
    return answer.message ?? '';
  }

  /** The next event of this name; events before it are passed over. */
  async event(name: string): Promise<Body> {
    for (;;) {
      while (this.#seen < this.events.length) {
        const told = this.events[this.#seen] as Told;
        this.#seen += 1;
        if (told.event === name) return told.body;
      }
      await new Promise<void>((resolve) => {
        const look = (): void => {
          this.#watchers.delete(look);
          resolve();
        };
        this.#watchers.add(look);
      });
      if (this.#failure !== undefined) throw this.#failure;
    }
  }

  /** Begins to debug as JupyterLab does. */
  async start(): Promise<void> {
    await this.body('initialize', { clientID: 'test', adapterID: 'npulab', supportsVariableType: true });
    await this.body('attach', {});
  }

  /** Dumps a cell's text and sets breakpoints in it. */
  async breakAt(code: string, ...lines: (number | { line: number; [rule: string]: unknown })[]): Promise<Body[]> {
    const { sourcePath } = await this.body('dumpCell', { code });
    const breakpoints = lines.map((line) => (typeof line === 'number' ? { line } : line));
    return (await this.body('setBreakpoints', { source: { path: sourcePath }, breakpoints })).breakpoints;
  }

  /** Where the code stands: `name:line`, innermost first. */
  async where(): Promise<string[]> {
    const { stackFrames } = await this.body('stackTrace', { threadId: 1 });
    return stackFrames.map(({ name, line }: Body) => `${name}:${line}`);
  }

  /** Waits for a stop and says why and where it is. */
  async stopped(): Promise<{ reason: string; at: string[]; body: Body }> {
    const body = await this.event('stopped');
    return { reason: body.reason, at: await this.where(), body };
  }

  /** Variables of a scope of the innermost frame, by name. */
  async scope(name: string, frame = 0): Promise<Record<string, Body>> {
    const { stackFrames } = await this.body('stackTrace', { threadId: 1 });
    const { scopes } = await this.body('scopes', { frameId: stackFrames[frame].id });
    const scope = scopes.find((one: Body) => one.name === name);
    if (scope === undefined) throw new Error(`no scope ${name} in ${scopes.map((one: Body) => one.name)}`);
    return this.inside(scope);
  }

  /** What a variable holds, by name. */
  async inside(variable: Body, page: object = {}): Promise<Record<string, Body>> {
    const { variables } = await this.body('variables', { variablesReference: variable.variablesReference, ...page });
    return Object.fromEntries(variables.map((one: Body) => [one.name, one]));
  }

  /** Goes on and says what came first: the next stop, or nothing. */
  async step(command: 'next' | 'stepIn' | 'stepOut'): Promise<string> {
    await this.body(command, { threadId: 1 });
    return (await this.stopped()).at[0] as string;
  }
}

/** Values by name, as they are shown. */
export function values(variables: Record<string, Body>): Record<string, string> {
  return Object.fromEntries(Object.entries(variables).map(([name, { value }]) => [name, value]));
}
