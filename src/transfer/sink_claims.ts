import { LIMITS } from '../base/limits.ts';
import type { SinkMessage } from '../wire/copy_types.ts';
import type { SinkFile } from './sink_files.ts';
import type { SinkPlace } from './sink_place.ts';
import type { SinkPlan } from './sink_plan.ts';
import type { SinkEvent, SinkState } from './sink_state.ts';
import { bitsMessages } from './skip_bits.ts';

export interface ClaimsParts {
  readonly place: SinkPlace;
  readonly plan: SinkPlan;
  readonly state: SinkState;
  emit(event: SinkEvent): void;
  send(message: SinkMessage): Promise<void>;
  /** Waits for work on the disk as the run does. */
  onDisk<T>(work: Promise<T>): Promise<T>;
  isOver(): boolean;
}

/**
 * What an earlier attempt has left: the source is told of it as if it were good, and it is read beside the copy of what is
 * missing. What turns out not to be so is asked for then.
 */
export class SinkClaims {
  readonly #parts: ClaimsParts;
  readonly #toCheck: SinkFile[] = [];
  #isAny = false;

  constructor(parts: ClaimsParts) {
    this.#parts = parts;
  }

  /** An earlier attempt has left something. */
  get isAny(): boolean {
    return this.#isAny;
  }

  /** Takes all of it up. Nothing of a file is read yet. Errors are CW_DISK_*. */
  async take(): Promise<void> {
    const { place, plan, state } = this.#parts;
    for (const { index } of place.claimed(plan)) await this.#takeFile(state.files.want(index)!);
  }

  async #takeFile(file: SinkFile): Promise<void> {
    const { place, state, emit, send, onDisk } = this.#parts;
    const have: { i: number; h: Uint8Array }[] = [];
    let inPlace = false;
    const on = {
      inPlace: () => {
        inPlace = true;
        emit({ kind: 'inPlace', file: file.index });
      },
      claimed: (index: number, hash: Uint8Array) => {
        have.push({ i: index, h: hash.slice() });
        emit({ kind: 'claimed', file: file.index, index, hash });
      },
    };
    await onDisk(place.takeClaims(file, on));
    this.#isAny ||= inPlace || have.length > 0;
    if (have.length > 0) this.#toCheck.push(file);
    else if (!inPlace) state.files.putBack(file);
    if (inPlace) for (const message of bitsMessages('skip', [file.index])) await send(message);
    const each = LIMITS.haveChunksMax.value;
    for (let at = 0; at < have.length; at += each)
      await send({ t: 'have', file: file.index, chunks: have.slice(at, at + each) });
  }

  /** Reads what was claimed, file by file. Errors are CW_DISK_*. */
  async check(): Promise<void> {
    const { place, emit, isOver } = this.#parts;
    for (const file of this.#toCheck.splice(0)) {
      const { index, version } = file;
      await place.checkClaims(file, {
        isOver: () => isOver() || file.version !== version,
        looked: (good, bad) => emit({ kind: 'looked', file: index, version, good, bad }),
      });
    }
  }
}
