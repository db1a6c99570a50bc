import { CausewayError } from '../base/errors.ts';

/** An object of a state file, not looked at yet. */
export type StateObject = { readonly [name: string]: unknown };

interface FieldTypes {
  string: string;
  number: number;
}

/** Parses JSON whose top is an object. CW_DAEMON_STATE, naming `what`. */
export function parseState(text: string, what: string): StateObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CausewayError('CW_DAEMON_STATE', `${what}: not readable as JSON`, { cause });
  }
  if (!isObject(value)) throw new CausewayError('CW_DAEMON_STATE', `${what}: not an object`);
  return value;
}

/** A member of the given type. CW_DAEMON_STATE where it is missing or of another type. */
export function field<T extends keyof FieldTypes>(
  object: StateObject,
  name: string,
  type: T,
  what: string,
): FieldTypes[T] {
  const value = Object.hasOwn(object, name) ? object[name] : undefined;
  if (typeof value === type) return value as FieldTypes[T];
  throw new CausewayError('CW_DAEMON_STATE', `${what}: ${name} is missing or is no ${type}`);
}

/** A member that is an object. */
export function objectField(object: StateObject, name: string, what: string): StateObject {
  const value = Object.hasOwn(object, name) ? object[name] : undefined;
  if (isObject(value)) return value;
  throw new CausewayError('CW_DAEMON_STATE', `${what}: ${name} is missing or is no object`);
}

/** A member that is a list of objects. */
export function fieldList(object: StateObject, name: string, what: string): StateObject[] {
  const value = Object.hasOwn(object, name) ? object[name] : undefined;
  if (Array.isArray(value) && value.every(isObject)) return value;
  throw new CausewayError('CW_DAEMON_STATE', `${what}: ${name} is missing or is no list of objects`);
}

function isObject(value: unknown): value is StateObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
