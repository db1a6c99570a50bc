import { toHex } from '../../base/bytes.ts';
import { asCausewayError } from '../../base/errors.ts';
import { hashBytes } from '../../base/hash.ts';
import { LIMITS } from '../../base/limits.ts';
import { parseName, splitAbsolute } from '../../base/path.ts';
import type { Dir } from '../../world/disk.ts';
import {
  type AgentProgram,
  agentProgram,
  becomeBuild,
  becomeEntry,
  endLeftTrial,
  linkTrial,
  tryBuild,
} from '../../world/node/agent_process.ts';
import type { World } from '../../world/world.ts';
import { AgentUpdates } from './agent_updates.ts';
import { argsAgain } from './args_again.ts';
import { chooseBuild } from './choose_build.ts';
import { UpdateStore } from './update_store.ts';

export interface SelfUpdateOptions {
  readonly world: World;
  readonly dataDirectory: string;
  readonly build: { readonly version: string; readonly id: string };
  readonly start: {
    /** Arguments of this process. */
    readonly args: readonly string[];
    readonly readyFd: number | null;
    /** The link is stdin and stdout. */
    readonly isCounted: boolean;
  };
  /** `--no-update`. */
  readonly isFixed: boolean;
  readonly trialMs: number;
  readonly log: (line: string) => void;
}

/** How an agent gets another build over its link, and becomes it. */
export class SelfUpdate implements AsyncDisposable {
  readonly updates: AgentUpdates;
  /** Own fingerprint and address in use; told once the agent serves. */
  serving: { readonly fingerprint: string; readonly address: string | null } | null = null;
  readonly #options: SelfUpdateOptions;
  readonly #program: AgentProgram;
  readonly #root: Dir;
  readonly #store: UpdateStore;
  readonly #trial = linkTrial();

  private constructor(
    options: SelfUpdateOptions,
    program: AgentProgram,
    { root, store, moduleHash }: { root: Dir; store: UpdateStore; moduleHash: string | null },
  ) {
    this.#options = options;
    this.#program = program;
    this.#root = root;
    this.#store = store;
    const { world, build, start } = options;
    this.updates = new AgentUpdates({
      identities: world.identities,
      store,
      running: {
        version: build.version,
        buildId: build.id,
        moduleHash,
        entryId: program.entry.id,
        platform: program.platform,
        nodeMajor: program.nodeMajor,
        isOnTrial: this.#trial !== null,
      },
      fingerprint: () => this.serving?.fingerprint ?? '',
      fixed: fixedBecause(program, options),
      isCounted: start.isCounted,
    });
  }

  /**
   * Where a newer build has come over the link, this process becomes it and the call does not return. Null where the
   * state of builds is damaged: the agent then serves without.
   */
  static async start(options: SelfUpdateOptions): Promise<SelfUpdate | null> {
    const { world, dataDirectory, log } = options;
    const root = await world.disk.openRoot(dataDirectory);
    try {
      const store = await UpdateStore.open(root, dataDirectory);
      const program = agentProgram();
      if (!program.isChosen && fixedBecause(program, options) === null) {
        const chosen = await chooseBuild(store, program.entry.id, { endTrial: endLeftTrial, log });
        if (chosen !== null) {
          becomeBuild(program.entry, chosen, options.start.args, options.start.readyFd);
          log(`the agent ${chosen.id} cannot be started in this way: what was installed is used`);
        }
      }
      const moduleHash = await hashOf(world, program);
      return new SelfUpdate(options, program, { root, store, moduleHash });
    } catch (failure) {
      await root.close();
      log(`builds that came over the link are not looked at: ${asCausewayError(failure).message}`);
      return null;
    }
  }

  /** A link with that host is up. */
  async linked(host: string | null): Promise<void> {
    this.#trial?.linked(host);
    await this.updates.linked();
  }

  /**
   * Tries the build that has come. The agent has closed all it had open. Returns where the process has to end: with
   * stdin and stdout as its link, since who started it starts it again; and where it was stopped meanwhile.
   */
  async carryOut(stopped: AbortSignal): Promise<void> {
    const { trial } = this.#store.state;
    const { start, log, trialMs } = this.#options;
    if (trial === null || trial.isCounted) return;
    const { entry } = this.#program;
    const again = argsAgain(start.args, this.serving?.address ?? null);
    log(`trying the agent ${trial.id}`);
    const why = await tryBuild({
      entry,
      build: { id: trial.id, path: this.#store.pathOf(trial) },
      args: again,
      host: trial.host,
      limitMs: trialMs,
      signal: stopped,
    });
    if (why === null) await this.#store.commit();
    else await this.#store.rollBack(why);
    log(why === null ? `the agent ${trial.id} is used from now on` : `${trial.id} is not used: ${why}`);
    if (!stopped.aborted) becomeEntry(entry, again);
  }

  async close(): Promise<void> {
    await this.updates.close();
    await this.#root.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function fixedBecause(program: AgentProgram, { isFixed }: SelfUpdateOptions): string | null {
  if (isFixed) return 'it was started with --no-update';
  if (program.isSource) return 'it runs from its sources in a checkout';
  return program.canBecome ? null : `an agent on ${program.platform} cannot change itself`;
}

/** Null where the module is inside an executable. */
async function hashOf(world: World, { modulePath }: AgentProgram): Promise<string | null> {
  if (modulePath === null) return null;
  const { folder, name } = splitAbsolute(modulePath);
  await using dir = await world.disk.openRoot(folder);
  await using file = await dir.openFile(parseName(name), 'read');
  const { sizeBytes } = await file.stat();
  if (sizeBytes > LIMITS.agentModuleMaxBytes.value) return null;
  const bytes = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes; ) {
    const moved = await file.read(bytes.subarray(at), at);
    if (moved === 0) break;
    at += moved;
  }
  return toHex(hashBytes(bytes));
}
