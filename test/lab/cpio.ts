/** One entry of an archive; folders have no content. */
export interface CpioEntry {
  readonly path: string;
  readonly content: Uint8Array | null;
}

const folderMode = 0o040755;
const fileMode = 0o100755;

/** Archive in the "newc" format, which the kernel reads as an initramfs (Documentation/driver-api/early-userspace/buffer-format.rst). */
export function packCpio(entries: readonly CpioEntry[]): Buffer {
  const parts: Buffer[] = [];
  let inode = 1;
  const add = (path: string, mode: number, content: Uint8Array) => {
    const name = Buffer.from(`${path}\0`);
    const fields = [inode++, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
    parts.push(padTo4(Buffer.concat([Buffer.from(header), name])), padTo4(Buffer.from(content)));
  };
  for (const entry of entries) {
    add(entry.path, entry.content === null ? folderMode : fileMode, entry.content ?? new Uint8Array());
  }
  add('TRAILER!!!', 0, new Uint8Array());
  return Buffer.concat(parts);
}

function padTo4(bytes: Buffer): Buffer {
  const missing = (4 - (bytes.length % 4)) % 4;
  return missing === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(missing)]);
}
