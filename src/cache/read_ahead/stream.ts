/** Reads of one file that follow each other: by a fixed step, which is their own length where they are sequential. */
export interface Stream {
  /** Where the last read began, and how long it was. */
  offset: number;
  length: number;
  /** From one read to the next; 0 for a sequential stream, whose reads may differ in length. */
  stride: number;
  /** Reads that came as expected. */
  confirmed: number;
  readBytes: number;
  /** Sequential: the offset up to which it is fetched. Strided: how many reads after the last one are fetched. */
  ahead: number;
  /** What is fetched and not read yet, as the windows know it. */
  countedBytes: number;
}

export interface Range {
  readonly offset: number;
  readonly length: number;
}

/** Requests of a kernel may change places, and skip a little. */
const REORDER_READS = 2;

export function endOf(stream: Stream): number {
  return stream.offset + stream.length;
}

/** Takes a read into a stream where it belongs to it. */
export function continues(stream: Stream, offset: number, length: number): boolean {
  if (stream.stride !== 0) {
    if (offset !== stream.offset + stream.stride) return false;
    stream.ahead = Math.max(0, stream.ahead - 1);
    advance(stream, offset, length);
    return true;
  }
  const end = endOf(stream);
  const slack = REORDER_READS * length;
  if (offset >= end && offset <= end + (stream.confirmed > 1 ? slack : 0)) {
    advance(stream, offset, length);
    stream.ahead = Math.max(stream.ahead, offset + length);
    return true;
  }
  // A read that was overtaken by its successor; the stream stays where it is.
  return offset < end && offset >= end - slack - length && stream.confirmed > 1;
}

function advance(stream: Stream, offset: number, length: number): void {
  stream.offset = offset;
  stream.length = length;
  stream.confirmed += 1;
  stream.readBytes += length;
}

/** Bytes that are fetched for a stream, and not read yet. */
export function unreadBytes(stream: Stream): number {
  return stream.stride === 0 ? Math.max(0, stream.ahead - endOf(stream)) : stream.ahead * stream.length;
}

/** Fetches on up to the window, in steps of at least half of it; what is to be fetched. */
export function extend(stream: Stream, windowBytes: number, sizeBytes: number): readonly Range[] {
  return stream.stride === 0
    ? extendSequential(stream, windowBytes, sizeBytes)
    : extendStrided(stream, windowBytes, sizeBytes);
}

function extendSequential(stream: Stream, windowBytes: number, sizeBytes: number): readonly Range[] {
  const end = endOf(stream);
  if (stream.ahead - end > windowBytes / 2) return [];
  const offset = Math.max(stream.ahead, end);
  const upTo = Math.min(sizeBytes, Math.floor(end + windowBytes));
  if (upTo <= offset) return [];
  stream.ahead = upTo;
  return [{ offset, length: upTo - offset }];
}

function extendStrided(stream: Stream, windowBytes: number, sizeBytes: number): readonly Range[] {
  const { offset, length, stride } = stream;
  const wanted = Math.max(1, Math.floor(windowBytes / length));
  if (windowBytes < length || stream.ahead > wanted / 2) return [];
  const ranges: Range[] = [];
  for (let step = stream.ahead + 1; step <= wanted; step += 1) {
    const at = offset + step * stride;
    if (at < 0 || at >= sizeBytes) break;
    ranges.push({ offset: at, length: Math.min(length, sizeBytes - at) });
    stream.ahead = step;
  }
  return ranges;
}
