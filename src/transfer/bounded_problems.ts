import { LIMITS } from '../base/limits.ts';
import type { Problem } from '../wire/copy_types.ts';

/** As many problems as one message may list. */
export function boundedProblems(problems: readonly Problem[]): Problem[] {
  return problems.slice(0, LIMITS.problemsListMax.value).map(({ path, code, message }) => ({
    path: path.slice(0, 256),
    code,
    message: message.slice(0, 256),
  }));
}
