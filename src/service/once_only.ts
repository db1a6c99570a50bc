import { toHex, utf8 } from '../base/bytes.ts';
import { CausewayError } from '../base/errors.ts';
import { hashBytes } from '../base/hash.ts';
import { LIMITS } from '../base/limits.ts';
import type { ProcedureName } from '../contract/routes.ts';
import type { Random } from '../world/clock.ts';
import { type Call, ownerOf } from './caller.ts';
import type { AnswerStore, ServiceParts } from './ports.ts';
import type { Procedure } from './procedure.ts';

const RESERVED_BYTES = 4;

/**
 * Calls that carry a key are done once, however often they are asked for (draft-ietf-httpapi-idempotency-key-header-07):
 * the same key with the same content gets the first answer again. What failed may be tried again with its key.
 */
export class OnceOnly {
  readonly #answers: AnswerStore;
  readonly #random: Pick<Random, 'bytes'>;
  /** Those under way in this process, with what they ask for. */
  readonly #running = new Map<string, string>();

  constructor(answers: AnswerStore, random: Pick<Random, 'bytes'>) {
    this.#answers = answers;
    this.#random = random;
  }

  /**
   * Does `work`, or gives its former answer. CW_IDEMPOTENCY_REUSED, CW_IDEMPOTENCY_BUSY, CW_IDEMPOTENCY_UNSETTLED where
   * the process ended in the middle and nothing tells whether it was done.
   */
  async run(
    parts: ServiceParts,
    asked: {
      readonly name: ProcedureName;
      readonly procedure: Procedure;
      readonly call: Call;
      readonly key: string;
    },
    work: (call: Call) => Promise<unknown>,
  ): Promise<unknown> {
    const place = { owner: ownerOf(asked.call.caller), key: asked.key };
    const wanted = fingerprintOf(asked.name, asked.call);
    const id = `${place.owner}\n${place.key}`;
    const running = this.#running.get(id);
    if (running !== undefined && running !== wanted) throw reused();
    if (running !== undefined)
      throw new CausewayError('CW_IDEMPOTENCY_BUSY', 'the call with this key is still under way');
    this.#running.set(id, wanted);
    try {
      const kept = await this.#answers.find(place);
      if (kept === null) {
        const reserved = toHex(this.#random.bytes(RESERVED_BYTES));
        await this.#answers.reserve(place, { fingerprint: wanted, reserved });
        return await this.#finish(place, () => work({ ...asked.call, reserved }));
      }
      if (kept.fingerprint !== wanted) throw reused();
      if (kept.answer !== null) return JSON.parse(kept.answer);
      const call = { ...asked.call, reserved: kept.reserved };
      if (!asked.procedure.made) throw unsettled();
      const made = await asked.procedure.made(parts, call);
      return made ?? (await this.#finish(place, () => work(call)));
    } finally {
      this.#running.delete(id);
    }
  }

  async #finish(place: { owner: string; key: string }, work: () => Promise<unknown>): Promise<unknown> {
    let answer: unknown;
    try {
      answer = await work();
    } catch (failure) {
      await this.#answers.forget(place).catch(() => undefined); // the failure of the work is what counts
      throw failure;
    }
    const text = JSON.stringify(answer);
    if (utf8(text).byteLength <= LIMITS.idempotencyAnswerMaxBytes.value)
      await this.#answers.keep(place, text).catch(() => undefined); // it is done, and whoever asked must learn of it
    return answer;
  }
}

/** The text of an Idempotency-Key header, quoted as the draft says, or bare. CW_USAGE. */
export function parseIdempotencyKey(header: string | readonly string[] | undefined): string | null {
  if (header === undefined) return null;
  const match = /^"([\x20\x21\x23-\x5b\x5d-\x7e]{1,255})"$|^([\x21\x23-\x5b\x5d-\x7e]{1,255})$/.exec(
    String(header),
  );
  if (match) return (match[1] ?? match[2])!;
  throw new CausewayError(
    'CW_USAGE',
    'Idempotency-Key: 1 to 255 printable ASCII characters are needed, in quotes',
  );
}

function fingerprintOf(name: ProcedureName, { params, body }: Call): string {
  return toHex(hashBytes(utf8(JSON.stringify([name, sorted(params), sorted(body)]))));
}

/** The same content has the same text, in whatever order its members came. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value ?? null;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return members.map(([member, one]) => [member, sorted(one)]);
}

function reused(): CausewayError {
  return new CausewayError('CW_IDEMPOTENCY_REUSED', 'this key belongs to another call');
}

function unsettled(): CausewayError {
  return new CausewayError(
    'CW_IDEMPOTENCY_UNSETTLED',
    'the daemon ended in the middle of this call, and cannot tell whether it was done',
  );
}
