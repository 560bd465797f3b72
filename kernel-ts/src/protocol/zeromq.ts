/**
 * ZeroMQ's sockets by `require`: for an `import` Node first parses the package, which takes half as long again as to load it, and
 * a kernel's first answer waits for that.
 */
import { createRequire } from 'node:module';

const zeromq = createRequire(import.meta.url)('zeromq') as typeof import('zeromq');

export const { Dealer, Reply, Request, Router, XPublisher } = zeromq;
export type Dealer = InstanceType<typeof Dealer>;
export type Request = InstanceType<typeof Request>;
export type Router = InstanceType<typeof Router>;
