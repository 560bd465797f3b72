/** The Jupyter side of a kernel. Hand it a connection and a {@link Language}. */
export {
  type ChannelName,
  type Connection,
  channelNames,
  parseConnection,
  readConnectionFile,
} from './connection-file.js';
export { maxOpenRequests, maxQueuedBytes } from './dispatcher.js';
export { ProtocolError, type ProtocolErrorCode, protocolRemedies } from './errors.js';
export { type History, memoryHistory } from './history/history.js';
export { fileHistory } from './history/history-file.js';
export type * from './language.js';
export { decode, type Message, protocolVersion, toFrames } from './message.js';
export { maxOutputBytes } from './outputs.js';
export { type ParentWatchHost, watchParent } from './parent-watch.js';
export { type Server, type ServerOptions, startServer } from './server.js';
export { Signer } from './signature.js';
