import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { type DetourMark, encodeDetourMark } from '../../wire/mount_detour.ts';
import type { DetourPipe, Parcel } from '../../world/mounts.ts';

export interface DetourPorts<P extends Parcel> {
  /** Sends it over the link, which gives its memory back by itself. */
  readonly link: (parcel: P) => void;
  /** The same for a word to the other end; in order with those. */
  readonly say: (word: Uint8Array) => void;
  /** Takes what came over the connection, each once and in order. The memory is free again when it returns. */
  readonly take: (bytes: Uint8Array) => void;
  /** Nothing goes past the link any more, and all that did has arrived: a next connection may be sought. */
  readonly settled: () => void;
}

/**
 * One end of a mount's stream, whose messages take a connection of their own while there is one. Each arrives once and in
 * order, whatever breaks: what goes over the connection is kept until the other end has said that it has it, and goes over
 * the link where the connection is lost. One object serves one stream of the link; it does no work by itself.
 */
export class Detour<P extends Parcel> {
  readonly #ports: DetourPorts<P>;
  /** The end that changes over first. */
  readonly #leads: boolean;
  #pipe: DetourPipe | null = null;
  /** Where what is sent goes: `held` is kept until the other end has said what it has. */
  #out: 'link' | 'pipe' | 'held' = 'link';
  #in: 'link' | 'pipe' = 'link';
  /** What went over the connection, and may not have arrived. */
  #unheard: P[] = [];
  /** How many before those the other end has said to have. */
  #heard = 0;
  #received = 0;
  /** Messages and bytes since the other end was told of the last one. */
  #untold = 0;
  #untoldBytes = 0;
  #hasSaidLost = false;
  /** The connection failed before anything was to go over it. */
  #isMissing = false;

  constructor(ports: DetourPorts<P>, leads: boolean) {
    this.#ports = ports;
    this.#leads = leads;
  }

  /** Messages go over the connection. */
  get isDirect(): boolean {
    return this.#out === 'pipe';
  }

  /** What comes over the connection is to be taken now. */
  get takesPipe(): boolean {
    return this.#in === 'pipe' && this.#pipe !== null;
  }

  send(parcel: P): void {
    if (this.#out === 'link') return this.#ports.link(parcel);
    this.#unheard.push(parcel);
    if (this.#out === 'pipe') this.#give(parcel.parts);
  }

  /** A connection is being made. */
  begins(): void {
    this.#isMissing = false;
  }

  /** A connection is there, whose ends have proved who they are. */
  opened(pipe: DetourPipe): void {
    if (this.#pipe !== null || this.#hasSaidLost) return pipe.close();
    this.#pipe = pipe;
    if (this.#leads || this.#in === 'pipe') this.#change();
  }

  /** The connection is gone, or none came of it. */
  failed(): void {
    if (this.#out !== 'link' || this.#in !== 'link') return this.#lose();
    this.#isMissing = true;
    this.#pipe?.close();
    this.#pipe = null;
    this.#ports.settled();
  }

  /** A word of the other end that is for this one. CW_WIRE_MALFORMED. */
  hear(mark: Extract<DetourMark, { mark: 'switch' | 'lost' }>): void {
    if (mark.mark === 'lost') return this.#goesOn(mark.messages);
    if (this.#in === 'pipe')
      throw new CausewayError('CW_WIRE_MALFORMED', 'a mount changed its connection twice');
    this.#in = 'pipe';
    if (this.#leads) return;
    if (this.#pipe !== null) this.#change();
    else if (this.#isMissing) this.#lose();
  }

  /** A message of the connection; null where it only says how many of this end's have arrived. CW_WIRE_MALFORMED. */
  heard(messages: number, bytes: Uint8Array | null): void {
    this.#drop(messages);
    if (bytes === null) return;
    this.#received += 1;
    this.#untold += 1;
    this.#untoldBytes += bytes.byteLength;
    this.#ports.take(bytes);
    const { mountUntoldMax, mountUntoldMaxBytes } = LIMITS;
    if (this.#untold >= mountUntoldMax.value || this.#untoldBytes >= mountUntoldMaxBytes.value)
      this.#give([]);
  }

  /** The stream is over: what was not heard of is nobody's matter any more. */
  end(): void {
    this.#pipe?.close();
    this.#pipe = null;
    this.#out = 'link';
    this.#in = 'link';
    for (const parcel of this.#unheard.splice(0)) parcel.release();
    this.#startOver();
  }

  #change(): void {
    this.#say({ mark: 'switch' });
    this.#out = 'pipe';
  }

  #give(parts: readonly Uint8Array[]): void {
    if (this.#out !== 'pipe') return;
    this.#untold = 0;
    this.#untoldBytes = 0;
    this.#pipe?.send(this.#received, parts);
  }

  #lose(): void {
    if (this.#hasSaidLost) return;
    this.#hasSaidLost = true;
    this.#pipe?.close();
    this.#pipe = null;
    if (this.#out === 'pipe') this.#out = 'held';
    this.#in = 'link';
    this.#say({ mark: 'lost', messages: this.#received });
  }

  /** Both ends know of the loss: the rest goes over the link. */
  #goesOn(messages: number): void {
    this.#lose();
    this.#drop(messages);
    const rest = this.#unheard;
    this.#unheard = [];
    this.#out = 'link';
    this.#in = 'link';
    this.#startOver();
    for (const parcel of rest) this.#ports.link(parcel);
    this.#ports.settled();
  }

  #startOver(): void {
    this.#heard = 0;
    this.#received = 0;
    this.#untold = 0;
    this.#untoldBytes = 0;
    this.#hasSaidLost = false;
    this.#isMissing = false;
  }

  #drop(messages: number): void {
    if (messages > this.#heard + this.#unheard.length)
      throw new CausewayError('CW_WIRE_MALFORMED', 'a mount heard of messages that were never sent');
    for (; this.#heard < messages; this.#heard += 1) this.#unheard.shift()?.release();
  }

  #say(mark: DetourMark): void {
    this.#ports.say(encodeDetourMark(mark));
  }
}
