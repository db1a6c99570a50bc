import { spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import type { LoadTarget, LoadTask } from '../load.ts';
import { LoadContent } from '../load_content.ts';
import { type LoadDone, type LoadWork, wrong } from './load_work.ts';

type Of<K extends LoadTask['kind']> = Extract<LoadTask, { readonly kind: K }>;
type Smb = Extract<LoadTarget, { readonly kind: 'smb' }>;

const WORDS_MAX = 4_000;

/** What smbclient can do: it has no reads at a place, and one process for each connection. */
export const smbLoad = {
  /** Sends the local file that holds the same. */
  write(smb: Smb, { name, like, sizeBytes }: Of<'write'>): LoadWork {
    return async () => {
      await smbclient(smb, `put ${smb.localFolder}/${like} ${name}`);
      return { amount: sizeBytes };
    };
  },

  read(smb: Smb, { name, sizeBytes }: Of<'read'>): LoadWork {
    return () => taken(smb, name, sizeBytes, () => true);
  },

  verify(smb: Smb, { name, sizeBytes, seed }: Of<'verify'>): LoadWork {
    const content = new LoadContent(seed);
    return () => taken(smb, name, sizeBytes, (bytes, at) => content.holds(bytes, at));
  },

  create(smb: Smb, { folder, like, files }: Of<'create'>): LoadWork {
    return async () => {
      await smbclient(smb, `mkdir ${folder}; cd ${folder}; lcd ${smb.localFolder}/${like}; prompt; mput *`);
      return { amount: files };
    };
  },

  list(smb: Smb, { folder, files, sizeBytes }: Of<'list'>): LoadWork {
    return async () => {
      const beginMs = performance.now();
      const text = await smbclient(smb, `ls ${folder}\\*`);
      const elapsedMs = performance.now() - beginMs;
      const sizes = text.matchAll(/^ +file-\S+ +[A-Z]* +(\d+) /gm);
      const whole = [...sizes].filter(([, size]) => Number(size) === sizeBytes).length;
      if (whole !== files) throw wrong(`${whole} of ${files} files were listed with their sizes`);
      return { amount: files, elapsedMs };
    };
  },
};

async function taken(
  smb: Smb,
  name: string,
  sizeBytes: number,
  accept: (bytes: Uint8Array, at: number) => boolean,
): Promise<LoadDone> {
  let at = 0;
  let isRight = true;
  await smbclient(smb, `get ${name} -`, (bytes) => {
    isRight &&= accept(bytes, at);
    at += bytes.byteLength;
  });
  if (!isRight) throw wrong(`other bytes than expected in ${name}`);
  if (at !== sizeBytes) throw wrong(`${at} bytes of ${sizeBytes} came from ${name}`);
  return { amount: at };
}

/** What it printed, or all of it to `take`. */
function smbclient({ argv }: Smb, commands: string, take?: (bytes: Uint8Array) => void): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const [program = '', ...rest] = argv;
  // its own words go elsewhere where what it prints is a file
  const options = take === undefined ? rest : [...rest, '-E'];
  const child = spawn(program, [...options, '-c', commands], { stdio: ['ignore', 'pipe', 'pipe'] });
  const printed: Buffer[] = [];
  let words = '';
  child.stdout.on('data', take ?? ((bytes: Buffer) => printed.push(bytes)));
  child.stderr.on('data', (bytes: Buffer) => {
    words = (words + bytes.toString()).slice(-WORDS_MAX);
  });
  child.once('error', reject);
  child.once('close', (code) => {
    const text = Buffer.concat(printed).toString('utf8');
    const refused = /NT_STATUS_\w+/.exec(text)?.[0];
    if (code === 0 && refused === undefined) resolve(text);
    else reject(wrong(`smbclient: ${refused ?? (words.trim() || `it ends with ${code}`)}`));
  });
  return promise;
}
