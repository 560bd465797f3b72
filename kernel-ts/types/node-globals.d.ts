// Globals of Node 20 that @types/node 20 does not declare: WebAssembly, and the classes behind `performance` and `crypto`.

declare namespace WebAssembly {
  type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128' | 'externref' | 'anyfunc';
  type ExternalKind = 'function' | 'global' | 'memory' | 'table';
  type Bytes = ArrayBufferLike | ArrayBufferView;
  type ExportValue = ((...values: never[]) => unknown) | Global | Memory | Table;
  type ImportValue = ExportValue | number | bigint;
  type Imports = Record<string, Record<string, ImportValue>>;
  // biome-ignore lint/suspicious/noExplicitAny: only its author knows what a module exports.
  type Exports = Record<string, any>;

  /** Compiled code; throws CompileError for bytes that are none. */
  class Module {
    constructor(bytes: Bytes);
    static exports(module: Module): { name: string; kind: ExternalKind }[];
    static imports(module: Module): { module: string; name: string; kind: ExternalKind }[];
    static customSections(module: Module, name: string): ArrayBuffer[];
  }
  /** A module that runs. */
  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Exports;
  }
  /** Linear memory, in pages of 64 KiB. */
  class Memory {
    constructor(descriptor: { initial: number; maximum?: number; shared?: boolean });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  class Table {
    constructor(descriptor: { element: 'anyfunc' | 'externref'; initial: number; maximum?: number }, value?: unknown);
    readonly length: number;
    get(index: number): unknown;
    grow(count: number, value?: unknown): number;
    set(index: number, value?: unknown): void;
  }
  class Global<T = unknown> {
    constructor(descriptor: { value: ValueType; mutable?: boolean }, value?: T);
    value: T;
    valueOf(): T;
  }
  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}

  function compile(bytes: Bytes): Promise<Module>;
  function instantiate(bytes: Bytes, imports?: Imports): Promise<{ module: Module; instance: Instance }>;
  function instantiate(module: Module, imports?: Imports): Promise<Instance>;
  function validate(bytes: Bytes): boolean;
}

declare var Performance: (abstract new () => Performance) & { readonly prototype: Performance };
type Performance = import('node:perf_hooks').Performance;
declare var Crypto: (abstract new () => Crypto) & { readonly prototype: Crypto };
type Crypto = import('node:crypto').webcrypto.Crypto;
declare var CryptoKey: (abstract new () => CryptoKey) & { readonly prototype: CryptoKey };
type CryptoKey = import('node:crypto').webcrypto.CryptoKey;
declare var SubtleCrypto: (abstract new () => SubtleCrypto) & { readonly prototype: SubtleCrypto };
type SubtleCrypto = import('node:crypto').webcrypto.SubtleCrypto;

// Modules by their address: only running them tells what they export.
declare module 'data:*';
declare module 'file:*';
