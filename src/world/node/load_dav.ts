import { performance } from 'node:perf_hooks';
import { type LoadTarget, type LoadTask, RANDOM_READ_BYTES, smallFileName } from '../load.ts';
import { LOAD_BLOCK_BYTES, LoadContent } from '../load_content.ts';
import { randomPlaces } from './load_folder.ts';
import { LoadHttp } from './load_http.ts';
import { type LoadWork, wrong } from './load_work.ts';

type Of<K extends LoadTask['kind']> = Extract<LoadTask, { readonly kind: K }>;
type Dav = Extract<LoadTarget, { readonly kind: 'dav' }>;

const PROPFIND_BODY = new TextEncoder().encode(
  '<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:"><D:prop><D:resourcetype/><D:getcontentlength/><D:getlastmodified/></D:prop></D:propfind>',
);

/** Requests of WebDAV on one connection, but for those of many clients. */
export const davLoad = {
  write(dav: Dav, { name, sizeBytes, seed }: Of<'write'>): LoadWork {
    const content = new LoadContent(seed);
    return () =>
      connected(dav, async (http) => {
        const body = { sizeBytes, blocks: blocksOf(content, sizeBytes) };
        expect(await http.ask({ method: 'PUT', path: dav.prefix + name, body }), [200, 201, 204]);
        return { amount: sizeBytes };
      });
  },

  read(dav: Dav, { name, sizeBytes }: Of<'read'>): LoadWork {
    return () => connected(dav, (http) => getWhole(http, dav.prefix + name, sizeBytes, () => true));
  },

  verify(dav: Dav, { name, sizeBytes, seed }: Of<'verify'>): LoadWork {
    const content = new LoadContent(seed);
    const accept = (bytes: Uint8Array, at: number) => content.holds(bytes, at);
    return () => connected(dav, (http) => getWhole(http, dav.prefix + name, sizeBytes, accept));
  },

  create(dav: Dav, { folder, files, sizeBytes }: Of<'create'>): LoadWork {
    const content = new LoadContent(1);
    return () =>
      connected(dav, async (http) => {
        expect(await http.ask({ method: 'MKCOL', path: `${dav.prefix}${folder}/` }), [201]);
        for (let index = 0; index < files; index += 1) {
          const body = { sizeBytes, blocks: [content.block(index).subarray(0, sizeBytes)] };
          const path = `${dav.prefix}${folder}/${smallFileName(index)}`;
          expect(await http.ask({ method: 'PUT', path, body }), [200, 201, 204]);
        }
        return { amount: files };
      });
  },

  list(dav: Dav, { folder, files, sizeBytes }: Of<'list'>): LoadWork {
    return () =>
      connected(dav, async (http) => {
        const pieces: Buffer[] = [];
        const beginMs = performance.now();
        const status = await http.ask(
          {
            method: 'PROPFIND',
            path: `${dav.prefix}${folder}/`,
            headers: 'Depth: 1\r\nContent-Type: application/xml\r\n',
            body: { sizeBytes: PROPFIND_BODY.byteLength, blocks: [PROPFIND_BODY] },
          },
          (bytes) => pieces.push(Buffer.from(bytes)),
        );
        const elapsedMs = performance.now() - beginMs;
        expect(status, [207]);
        const text = Buffer.concat(pieces).toString('utf8');
        const sizes = text.matchAll(/<(?:[\w-]+:)?getcontentlength[^>]*>(\d+)</g);
        const whole = [...sizes].filter(([, size]) => Number(size) === sizeBytes).length;
        if (whole !== files) throw wrong(`${whole} of ${files} files were listed with their sizes`);
        return { amount: files, elapsedMs };
      });
  },

  random(dav: Dav, { name, sizeBytes, seed, reads }: Of<'random'>): LoadWork {
    const content = new LoadContent(seed);
    const timesMs = new Float64Array(reads);
    const places = randomPlaces(sizeBytes, reads);
    return () =>
      connected(dav, async (http) => {
        for (const [index, place] of places.entries()) {
          const headers = `Range: bytes=${place}-${place + RANDOM_READ_BYTES - 1}\r\n`;
          const request = { path: dav.prefix + name, headers, status: 206, sizeBytes: RANDOM_READ_BYTES };
          const beginMs = performance.now();
          await getSmall(http, request, content, place);
          timesMs[index] = performance.now() - beginMs;
        }
        return { amount: reads, timesMs };
      });
  },

  clients(dav: Dav, task: Of<'clients'>): LoadWork {
    const content = new LoadContent(1);
    const timesMs = new Float64Array(task.reads);
    let next = 0;
    const read = async (http: LoadHttp, index: number) => {
      const path = `${dav.prefix}${task.folder}/${smallFileName(index)}`;
      const { sizeBytes } = task;
      await getSmall(http, { path, headers: '', status: 200, sizeBytes }, content, index * LOAD_BLOCK_BYTES);
    };
    const client = async (http: LoadHttp) => {
      while (next < task.reads) {
        const turn = next;
        next += 1;
        const beginMs = performance.now();
        await read(http, turn % task.files);
        timesMs[turn] = performance.now() - beginMs;
      }
    };
    return async () => {
      const clients = await Promise.all(Array.from({ length: task.connections }, () => open(dav)));
      try {
        // who signs in, and how, is not what is measured
        for (const http of clients) await read(http, 0);
        const beginMs = performance.now();
        await Promise.all(clients.map(client));
        return { amount: task.reads, timesMs, elapsedMs: performance.now() - beginMs };
      } finally {
        for (const http of clients) http.close();
      }
    };
  },
};

function open({ host, port, isEncrypted, user, password }: Dav): Promise<LoadHttp> {
  const credentials = Buffer.from(`${user}:${password}`).toString('base64');
  const headers = user === '' ? '' : `Authorization: Basic ${credentials}\r\n`;
  return LoadHttp.open({ host, port, isEncrypted, headers });
}

async function connected<T>(dav: Dav, work: (http: LoadHttp) => Promise<T>): Promise<T> {
  const http = await open(dav);
  try {
    return await work(http);
  } finally {
    http.close();
  }
}

function expect(status: number, wanted: readonly number[]): void {
  if (!wanted.includes(status))
    throw wrong(`the server answers ${status} where ${wanted.join(' or ')} is expected`);
}

function* blocksOf(content: LoadContent, sizeBytes: number): Generator<Uint8Array> {
  for (let at = 0; at < sizeBytes; at += LOAD_BLOCK_BYTES)
    yield content.block(at / LOAD_BLOCK_BYTES).subarray(0, sizeBytes - at);
}

async function getWhole(
  http: LoadHttp,
  path: string,
  sizeBytes: number,
  accept: (bytes: Uint8Array, at: number) => boolean,
): Promise<{ readonly amount: number }> {
  let at = 0;
  const status = await http.ask({ method: 'GET', path }, (bytes) => {
    if (!accept(bytes, at)) throw wrong(`other bytes than expected after ${at} of ${path}`);
    at += bytes.byteLength;
  });
  expect(status, [200]);
  if (at !== sizeBytes) throw wrong(`${at} bytes of ${sizeBytes} came from ${path}`);
  return { amount: at };
}

async function getSmall(
  http: LoadHttp,
  { path, headers, status, sizeBytes }: { path: string; headers: string; status: number; sizeBytes: number },
  content: LoadContent,
  place: number,
): Promise<void> {
  let count = 0;
  let isRight = true;
  const got = await http.ask({ method: 'GET', path, headers }, (bytes) => {
    isRight &&= content.holds(bytes, place + count);
    count += bytes.byteLength;
  });
  expect(got, [status]);
  if (!isRight || count !== sizeBytes) throw wrong(`other bytes than expected in ${path}`);
}
