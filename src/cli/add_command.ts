import type { Command } from 'commander';
import type { Action } from './program.ts';

/** Adds a command with its help, an example and `--json`; its code is loaded when it runs. */
export type Add = (
  parent: Command,
  usage: string,
  description: string,
  example: string,
  load: () => Promise<Action>,
) => Command;

/** The values of an option that is given several times. */
export function several(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
