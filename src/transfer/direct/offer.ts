import { toHex, utf8 } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import type { CopyOptions, SinkMessage } from '../../wire/copy_types.ts';
import type { DirectProof } from '../../wire/direct_fields.ts';
import type { ShownProof } from '../../world/same_machine.ts';
import type { World } from '../../world/world.ts';
import type { LaneOpener } from '../link_ports.ts';
import type { SharedReader } from '../shared_reads.ts';
import type { SourceRoot } from '../source_roots.ts';

export interface OfferParams {
  readonly world: Pick<World, 'sameMachine'>;
  readonly options: CopyOptions;
  readonly shared?: SharedReader | undefined;
  readonly lanes: Pick<LaneOpener, 'gate'>;
}

/** What the source shows of itself, so that a sink on its machine finds its folders; nothing where the copy is to take the link. */
export class DirectOffer implements Disposable {
  readonly #shown: ShownProof | null;
  readonly #roots: readonly SourceRoot[];

  private constructor(shown: ShownProof | null, roots: readonly SourceRoot[]) {
    this.#shown = shown;
    this.#roots = roots;
  }

  /** The folders of `roots` stay open as long as the offer stands. */
  static of({ world, options, shared, lanes }: OfferParams, roots: readonly SourceRoot[]): DirectOffer {
    const isHeld = Boolean(shared ?? lanes.gate); // bytes are read for others too, or wait for their turn
    const isWanted = mayBeDirect(options) && whyHeldToLink(options) === null && !isHeld;
    const { sameMachine } = world;
    const shown = isWanted
      ? (sameMachine?.show(
          roots.map((root) => root.dir),
          aboutOf(
            options,
            roots.map(({ fileName }) => fileName ?? ''),
          ),
        ) ?? null)
      : null;
    return new DirectOffer(shown, roots);
  }

  /** For the message `sources`. */
  get message(): { readonly proof?: DirectProof } {
    if (this.#shown === null) return {};
    const { processId, secretFd, secret, folderFds } = this.#shown.proof;
    const opened = folderFds.map((fd, at) => ({ fd, name: this.#roots[at]?.fileName ?? '' }));
    return { proof: { processId, secretFd, secret, opened } };
  }

  [Symbol.dispose](): void {
    this.#shown?.[Symbol.dispose]();
  }
}

/** What a proof is about: the job, where it has a number of its own, and the files in the folders that are shown. */
export function aboutOf({ undo }: CopyOptions, names: readonly string[]): Uint8Array {
  return utf8(JSON.stringify([undo ? toHex(undo.id) : '', names]));
}

export function mayBeDirect({ direct = 'never' }: CopyOptions): boolean {
  return direct !== 'never';
}

/** Why a copy with these options goes over the link; null where nothing of them says so. */
export function whyHeldToLink({ limitBytesPerSecond, paced }: CopyOptions): string | null {
  if (limitBytesPerSecond !== null)
    return 'the copy has a limit of bytes per second, which holds for the link';
  if (paced) return 'copies share a limit of bytes per second, which holds for the link';
  return null;
}

/** CW_COPY_NOT_DIRECT where the copy must be direct and the sink does not know how, being of a version before. */
export function refuseOldSink(
  { direct }: CopyOptions,
  ready: Extract<SinkMessage, { readonly t: 'ready' }>,
): void {
  if (direct === 'always' && ready.direct !== true) throw notDirect('the other side is of a version before');
}

export function notDirect(why: string): CausewayError {
  return new CausewayError('CW_COPY_NOT_DIRECT', `the copy cannot take the direct path: ${why}`);
}
