import type { Stream } from '../mux/mux.ts';

/** What an end of a lane shows of the stream that it stands on. */
export abstract class LaneStream {
  protected readonly stream: Stream;

  constructor(stream: Stream) {
    this.stream = stream;
  }

  get id(): number {
    return this.stream.id;
  }

  get kind(): Stream['kind'] {
    return this.stream.kind;
  }

  get streamClass(): Stream['streamClass'] {
    return this.stream.streamClass;
  }

  get opening(): Uint8Array {
    return this.stream.opening;
  }
}
