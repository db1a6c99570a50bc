import type { FoundChannel } from './found.ts';

/** A QEMU, as its command line tells. */
export interface QemuProcess {
  readonly pid: number;
  readonly name: string;
  readonly uuid: string | null;
  readonly channels: readonly FoundChannel[];
  /** Its control sockets (QMP). */
  readonly controls: readonly string[];
}

const PROGRAM = /(^|\/)qemu(-system-\w+|-kvm)$/;

/** Null for another program. Paths are absolute where the command line has them so, or the folder it runs in is known. */
export function readQemu(pid: number, argv: readonly string[], folder: string | null): QemuProcess | null {
  if (!PROGRAM.test(argv[0] ?? '')) return null;
  const place = (path: string): string | null =>
    path.startsWith('/') ? path : folder === null ? null : `${folder}/${path}`;
  const sockets = new Map<string, string | null>();
  const ports: { chardev: string; name: string }[] = [];
  const controls: (string | null)[] = [];
  const monitors: string[] = [];
  let name: string | null = null;
  let uuid: string | null = null;
  argv.forEach((word, at) => {
    const value = argv[at + 1] ?? '';
    const { head, fields } = split(value);
    switch (word.replace(/^--/, '-')) {
      case '-name':
        name = fields.get('guest') ?? head;
        break;
      case '-uuid':
        uuid = value.toLowerCase();
        break;
      case '-qmp':
      case '-qmp-pretty':
        if (head.startsWith('unix:')) controls.push(place(head.slice('unix:'.length)));
        break;
      case '-mon':
        if (fields.get('mode') === 'control') monitors.push(fields.get('chardev') ?? head);
        break;
      case '-chardev':
        if (head === 'socket') sockets.set(fields.get('id') ?? '', place(fields.get('path') ?? ''));
        break;
      case '-device':
        notePort(value, ports);
        break;
    }
  });
  for (const id of monitors) controls.push(sockets.get(id) ?? null);
  const channels = ports.map((port) => ({ name: port.name, path: sockets.get(port.chardev) ?? null }));
  const known = controls.filter((path): path is string => path !== null);
  return { pid, name: name ?? `qemu ${pid}`, uuid, channels, controls: known };
}

/** `-device` takes commas, or JSON as libvirt writes it. */
function notePort(value: string, ports: { chardev: string; name: string }[]): void {
  const { head, fields } = value.startsWith('{') ? fromJson(value) : split(value);
  const name = fields.get('name');
  const chardev = fields.get('chardev');
  if ((fields.get('driver') ?? head) === 'virtserialport' && name && chardev) ports.push({ chardev, name });
}

interface Parts {
  readonly head: string;
  readonly fields: ReadonlyMap<string, string>;
}

/** `head,key=value,…`, where a comma inside a value is written twice. */
function split(value: string): Parts {
  const pieces = value.split(/(?<!,)(?:,,)*,(?!,)/).map((piece) => piece.replaceAll(',,', ','));
  const fields = new Map<string, string>();
  for (const piece of pieces) {
    const cut = piece.indexOf('=');
    if (cut > 0) fields.set(piece.slice(0, cut), piece.slice(cut + 1));
  }
  return { head: pieces[0] ?? '', fields };
}

function fromJson(value: string): Parts {
  try {
    const fields = Object.entries(JSON.parse(value) as object).filter(([, one]) => typeof one === 'string');
    return { head: '', fields: new Map(fields as [string, string][]) };
  } catch {
    return { head: '', fields: new Map() }; // not ours to judge: QEMU has taken or refused it
  }
}
