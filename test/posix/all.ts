import { contentChecks } from './contents.ts';
import { kindChecks } from './kinds.ts';
import { nameAndModeChecks } from './names.ts';
import { rightsChecks, setIdChecks } from './rights.ts';
import type { Check } from './suite.ts';
import { timeChecks } from './times.ts';

export type Part = 'everything' | 'contents';

/** Every check that a process can do, or those of what the kernel does by itself; the names are unique. */
export function allChecks(isRoot: boolean, part: Part): Check[] {
  const contents = [...contentChecks(), ...timeChecks(), ...(isRoot ? setIdChecks() : [])];
  if (part === 'contents') return contents;
  return [...contents, ...kindChecks(), ...nameAndModeChecks(), ...(isRoot ? rightsChecks() : [])];
}
