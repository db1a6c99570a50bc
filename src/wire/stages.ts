/**
 * The stages a byte passes, in order. A stall and the limiting stage are told by these names.
 * `link` is the time the sender waits for the link to take bytes; `receive` the time the receiver waits for them.
 */
export const STAGES = [
  'sourceRead',
  'hash',
  'compress',
  'link',
  'receive',
  'decompress',
  'destinationRead',
  'destinationWrite',
  'destinationFlush',
  'verify',
  'publish',
] as const;

export type Stage = (typeof STAGES)[number];

/** How a person reads the stage. */
export const STAGE_LABELS: Readonly<Record<Stage, string>> = {
  sourceRead: 'source read',
  hash: 'hash',
  compress: 'compress',
  link: 'link',
  receive: 'receive',
  decompress: 'decompress',
  destinationRead: 'destination read',
  destinationWrite: 'destination write',
  destinationFlush: 'destination flush',
  verify: 'verify',
  publish: 'publish',
};
