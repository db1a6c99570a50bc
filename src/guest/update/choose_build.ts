import { LIMITS } from '../../base/limits.ts';
import type { StoredBuild, UpdateStore } from './update_store.ts';

export interface Chosen {
  readonly id: string;
  readonly path: string;
}

/**
 * What is to run: a build that came over the link, or (null) what was installed. Ends a trial that nobody watched to its
 * end. What it decides is durable before it resolves.
 */
export async function chooseBuild(
  store: UpdateStore,
  entryId: string,
  { endTrial, log }: { endTrial: (path: string) => void; log: (line: string) => void },
): Promise<Chosen | null> {
  const { trial, current } = store.state;
  if (trial !== null && !trial.isCounted) {
    endTrial(store.pathOf(trial));
    await store.rollBack('the agent was ended while it was tried');
  } else if (trial !== null && trial.starts >= LIMITS.agentTrialStarts.value) {
    await store.rollBack(`it was started ${trial.starts} times and never linked`);
  } else if (trial !== null) {
    await store.save({ trial: { ...trial, starts: trial.starts + 1 } });
    if (await store.isWhole(trial)) return { id: trial.id, path: store.pathOf(trial) };
    await store.rollBack('its file is damaged');
  }
  return current === null ? null : usable(store, current, entryId, log);
}

async function usable(
  store: UpdateStore,
  current: StoredBuild,
  entryId: string,
  log: (line: string) => void,
): Promise<Chosen | null> {
  const isSame = current.entryId === entryId;
  if (isSame && (await store.isWhole(current))) return { id: current.id, path: store.pathOf(current) };
  log(
    isSame
      ? `the agent ${current.id} is damaged: what was installed is used`
      : `another agent was installed since ${current.id} came: it is used`,
  );
  await store.save({ current: null });
  await store.tidy();
  return null;
}
