// The JSON-line sockets of Sotto: the server, the client, and the path that they meet at.

export { JsonClient, JsonSocketError } from './client.ts';
export type { ConnectionEnd, JsonClientOptions } from './client.ts';
export { isJsonObject, parseJsonObject } from './json-line.ts';
export type { JsonObject } from './json-line.ts';
export { JsonServer } from './server.ts';
export type { JsonConnection, JsonServerOptions, Responder } from './server.ts';
export { listen, listenAtPath, SocketPathError } from './socket-path.ts';
export type { SocketPathProblem, WhileServed } from './socket-path.ts';
