import type { Static, TSchema } from 'typebox';
import { Check } from 'typebox/value';
import { CausewayError } from '../../base/errors.ts';
import { StateFile } from '../../config/state_file.ts';
import type { Dir } from '../../world/disk.ts';

/**
 * A state that lives in memory and in one state file. A change counts once it is durable; changes happen one after the
 * other, each on what the one before left.
 */
export class StateDocument<S extends TSchema> {
  readonly #file: StateFile;
  #state: Static<S>;
  #changes: Promise<unknown> = Promise.resolve();

  private constructor(file: StateFile, state: Static<S>) {
    this.#file = file;
    this.#state = state;
  }

  /** Reads the file, or begins with `empty`. CW_DAEMON_STATE where it is damaged or is not of the schema. */
  static async open<S extends TSchema>(
    place: { readonly dir: Dir; readonly dirPath: string; readonly name: string },
    schema: S,
    empty: Static<S>,
  ): Promise<StateDocument<S>> {
    const file = new StateFile(place.dir, place.dirPath, place.name);
    const stored = await file.read();
    if (stored === null) return new StateDocument<S>(file, empty);
    if (!Check(schema, stored.body)) {
      throw new CausewayError('CW_DAEMON_STATE', `${file.description} holds something unexpected`);
    }
    return new StateDocument<S>(file, stored.body as Static<S>);
  }

  /** What is durable. */
  get state(): Static<S> {
    return this.#state;
  }

  /**
   * Replaces the state by what `edit` makes of it and resolves with what `edit` says besides; the same state writes
   * nothing. `edit` must not change what it is given; what it throws leaves all as it was.
   */
  change<R>(edit: (state: Static<S>) => readonly [next: Static<S>, result: R]): Promise<R> {
    const change = this.#changes.then(async () => {
      const [next, result] = edit(this.#state);
      if (next !== this.#state) {
        await this.#file.write(next as object);
        this.#state = next;
      }
      return result;
    });
    this.#changes = change.catch(() => undefined); // its caller learns of the failure; the next change starts afresh
    return change;
  }
}
