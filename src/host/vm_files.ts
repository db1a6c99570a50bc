import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { PathPlace } from '../base/path_place.ts';
import type { Mux } from '../link/mux/mux.ts';
import { callRpc } from '../link/rpc.ts';
import type { ListedVmPage, VmFilesPort, VmListRequest } from '../service/ports.ts';
import type { CborMap } from '../wire/cbor.ts';
import { text } from '../wire/fields.ts';
import { folderParams, placesParams, readFolderResult, readPlacesResult } from '../wire/folder_messages.ts';
import type { Clock } from '../world/clock.ts';
import type { Machines } from './machines.ts';

/** The files of machines, as their agents show them. */
export class VmFiles implements VmFilesPort {
  readonly #machines: Pick<Machines, 'link' | 'has'>;
  readonly #clock: Pick<Clock, 'sleep'>;

  constructor(machines: Pick<Machines, 'link' | 'has'>, clock: Pick<Clock, 'sleep'>) {
    this.#machines = machines;
    this.#clock = clock;
  }

  async home(vm: string): Promise<string> {
    return text(await this.#ask(vm, 'info', {}), 'homeDirectory', LIMITS.pathMaxBytes.value);
  }

  async list(vm: string, path: string, request: VmListRequest): Promise<ListedVmPage> {
    const { hidden, after, places } = request;
    const limit = Math.min(request.limit, LIMITS.folderPageMax.value);
    const plain = withoutSlash(path);
    const params = folderParams({ path: plain, hidden, places, limit, after });
    const page = readFolderResult(await this.#ask(vm, 'folder', params));
    const above = plain === '/' ? '' : plain;
    const entries = page.entries.map(({ place = NOWHERE, ...entry }) => ({
      ...entry,
      path: `${above}/${entry.name}`,
      place,
    }));
    return { place: page.place, entries, next: page.next, isCut: page.isCut };
  }

  async placesOf(vm: string, paths: readonly string[]): Promise<readonly PathPlace[] | null> {
    if (!this.#machines.has(vm) || this.#machines.link(vm).state.kind !== 'up') return null;
    const places: PathPlace[] = [];
    try {
      while (places.length < paths.length) {
        const asked = paths.slice(places.length, places.length + LIMITS.placesMax.value);
        const told = readPlacesResult(await this.#ask(vm, 'places', placesParams(asked.map(withoutSlash))));
        if (told.length === 0 || told.length > asked.length)
          throw new CausewayError('CW_WIRE_MALFORMED', `${vm} tells of ${told.length} paths`);
        places.push(...told);
      }
      return places;
    } catch (failure) {
      // no answer in time is none: whoever asks for much must not get past the question by it
      if (asCausewayError(failure).code === 'CW_UNSUPPORTED') return null;
      throw failure;
    }
  }

  async #ask(vm: string, method: string, params: CborMap): Promise<CborMap> {
    const mux = this.#mux(vm);
    const late = new AbortController();
    const inTime = new AbortController();
    this.#clock.sleep(LIMITS.folderAnswerMs.value, inTime.signal).then(
      () => late.abort(new CausewayError('CW_VM_OFFLINE', `${vm} does not answer`)),
      () => undefined, // it came in time
    );
    try {
      return await callRpc(mux, method, params, late.signal);
    } finally {
      inTime.abort();
    }
  }

  /** CW_VM_UNKNOWN, CW_VM_OFFLINE: who looks does not wait for a machine to come up. */
  #mux(vm: string): Mux {
    const { state } = this.#machines.link(vm);
    if (state.kind !== 'up') throw new CausewayError('CW_VM_OFFLINE', `${vm} is not connected`);
    return state.mux;
  }
}

/** Of what is no link: it lies in the folder itself. */
const NOWHERE: PathPlace = { prefixes: [], chain: [] };

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}
