/*
 * Modules of Node that are dear to import: `import` of node:http reads each of its exports, and so loads the whole of fetch
 * and HTTP/2, two thirds of what a short command takes (Node 26: 80 ms of processor time; as a built-in module 3 ms).
 */

/** The module, loaded when it is first asked for. */
export function nodeHttp(): typeof import('node:http') {
  return process.getBuiltinModule('node:http');
}

/** A random UUID (RFC 9562, version 4). */
export function randomUuid(): string {
  return process.getBuiltinModule('node:crypto').randomUUID();
}
