import { CausewayError } from '../../../base/errors.ts';
import type { Dice } from '../dice.ts';
import type { SimProcess } from '../process.ts';
import { SimConn } from './conn.ts';
import { Pipe } from './pipe.ts';
import type { NetContext, Route } from './route.ts';

/** What a device keeps of bytes that nobody has read. */
const DEVICE_BUFFER_BYTES = 64 * 1024;

/** One side of a {@link ByteDevice}: what a program opens. */
export interface DeviceEnd {
  readonly path: string;
  open(process: SimProcess): SimConn;
  /** The machine of this side lost its power: what it had not read is lost, or not. */
  powerCut(): void;
}

/**
 * A serial port between two machines: a byte pipe each way with no notion of a connection. Bytes that one program
 * left unread are there for the next one, and nobody learns that the other side has closed or died.
 */
export class ByteDevice {
  readonly ends: readonly [DeviceEnd, DeviceEnd];
  readonly #pipes: readonly [Pipe, Pipe];
  readonly #dice: Dice;

  constructor(context: NetContext, route: Route, dice: Dice, paths: readonly [string, string]) {
    this.#dice = dice;
    const first = new Pipe(context, route, DEVICE_BUFFER_BYTES, dice);
    const second = new Pipe(context, route, DEVICE_BUFFER_BYTES, dice);
    this.#pipes = [first, second];
    this.ends = [this.#end(paths[0], first, second), this.#end(paths[1], second, first)];
  }

  hurry(): void {
    for (const pipe of this.#pipes) pipe.hurry();
  }

  #end(path: string, outgoing: Pipe, incoming: Pipe): DeviceEnd {
    let opener: SimConn | null = null;
    const open = (process: SimProcess): SimConn => {
      if (opener !== null) throw new CausewayError('CW_LINK_BUSY', `${path} is open in another program`);
      const closed = (): void => {
        opener = null;
      };
      opener = new SimConn(process, {
        incoming,
        outgoing,
        description: `serial ${path}`,
        dice: this.#dice,
        closed,
      });
      return opener;
    };
    const powerCut = (): void => {
      if (!this.#dice.chance(0.5)) return;
      incoming.discard();
      incoming.onRoom?.();
    };
    return { path, open, powerCut };
  }
}
