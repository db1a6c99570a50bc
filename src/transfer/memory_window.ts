import { LIMITS } from '../base/limits.ts';
import type { SideReading } from './copy_progress.ts';
import { SideWindow } from './explain/side_window.ts';

/** From this share of the time on in which something on a machine waits for memory, the copy takes less of it. */
const TIGHT_SHARE = 0.1;
/** Below this share it takes as much as before: well under the other, so that it does not swing. */
const EASY_SHARE = 0.03;

/** How much a copy may have on its way, by how the memory of both machines is: less of it is held while they are short. */
export class MemoryWindow {
  readonly #local = new SideWindow();
  readonly #remote = new SideWindow();
  #isTight = false;

  /** Bytes that may be sent and not settled. `remote` is null before the other side has told. */
  bytes(local: SideReading, remote: SideReading | null): number {
    this.#local.add(local);
    if (remote !== null) this.#remote.add(remote);
    const waits = [this.#local, this.#remote].map((side) => side.now().rise.memoryWaitMs ?? 0);
    this.#isTight = Math.max(...waits) >= (this.#isTight ? EASY_SHARE : TIGHT_SHARE);
    return this.#isTight ? LIMITS.sendWindowTightBytes.value : LIMITS.sendWindowMaxBytes.value;
  }
}
