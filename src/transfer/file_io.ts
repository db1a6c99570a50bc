import { CausewayError } from '../base/errors.ts';
import type { DiskFile } from '../world/disk.ts';

/** Told of each piece that a slow device has moved. */
export type OnMoved = (bytes: number) => void;

/** Reads until `into` is full or the file ends; the count of bytes read. */
export async function readFully(
  file: DiskFile,
  into: Uint8Array,
  offset: number,
  onMoved?: OnMoved,
): Promise<number> {
  let done = 0;
  while (done < into.byteLength) {
    const count = await file.read(done === 0 ? into : into.subarray(done), offset + done);
    if (count === 0) break;
    done += count;
    onMoved?.(count);
  }
  return done;
}

/** Writes all of `bytes`; a device that takes none of them is a CW_DISK_IO. */
export async function writeFully(
  file: DiskFile,
  bytes: Uint8Array,
  offset: number,
  onMoved?: OnMoved,
): Promise<void> {
  let done = 0;
  while (done < bytes.byteLength) {
    const count = await file.write(done === 0 ? bytes : bytes.subarray(done), offset + done);
    if (count <= 0) throw new CausewayError('CW_DISK_IO', 'the device took no byte of a write');
    done += count;
    onMoved?.(count);
  }
}
