import assert from 'node:assert/strict';
import { Agent, request } from 'node:https';
import { describe, it } from 'node:test';
import { PROCEDURES } from '../../src/contract/procedures.ts';
import { type ProcedureName, UPLOAD_FILE_PATH } from '../../src/contract/routes.ts';
import { Dice } from '../../src/world/sim/dice.ts';
import { rawOf, spoiled, textFor, valueFor } from './fuzz_bodies.ts';
import { DaemonRig, PASSWORD } from './rig.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);
const REQUESTS = Number(process.env['FUZZ_REQUESTS'] ?? 5_000);
const CONNECTIONS = 8;
const ANSWER_WITHIN_MS = 20_000;
const NAMES = Object.keys(PROCEDURES) as [ProcedureName, ...ProcedureName[]];
/** What refuses for a while instead of doing too much at once, and what a disk has no room for. */
const BUSY = new Set(['CW_AUTH_BUSY', 'CW_DISK_FULL']);
const UPLOAD_SHARE = 0.02;

interface Shot {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string | null;
}

function shotAt(name: ProcedureName, dice: Dice, who: Record<string, string>): Shot {
  const { method, path, body } = PROCEDURES[name];
  const filled = path.replace(/:\w+/g, () =>
    dice.chance(0.5)
      ? `zz${dice.between(0, 5)}`
      : encodeURIComponent(textFor(dice).toWellFormed()).slice(0, 300),
  );
  const schema = body as Parameters<typeof valueFor>[0];
  let value = harmless(valueFor(schema, dice));
  if (dice.chance(0.4)) value = harmless(spoiled(value, dice));
  const isGet = method === 'GET';
  const query = isGet && typeof value === 'object' && value !== null ? `?${queryOf(value)}` : '';
  const text = isGet ? null : dice.chance(0.1) ? rawOf(dice) : JSON.stringify(value);
  const type = dice.chance(0.05) ? dice.pick(['text/plain', 'application/xml', 'zz']) : 'application/json';
  return {
    method: dice.chance(0.03) ? dice.pick(['PUT', 'OPTIONS', 'PATCH', 'DELETE', 'TRACE']) : method,
    path: `/api${filled}${query}`,
    headers: { ...who, ...(text !== null && { 'content-type': type }) },
    body: text,
  };
}

/** A file for an upload: of mostly none, by any path, in any form. */
function fileAt(dice: Dice, who: Record<string, string>): Shot {
  const value = dice.chance(0.5)
    ? { path: textFor(dice).toWellFormed() }
    : { path: 'zz', mtimeMs: dice.between(0, 9) };
  const type = dice.chance(0.8) ? 'application/octet-stream' : 'application/json';
  const id = dice.chance(0.8)
    ? 'u0123456789abcdef'
    : encodeURIComponent(textFor(dice).toWellFormed()).slice(0, 300);
  return {
    method: 'PUT',
    path: `/api${UPLOAD_FILE_PATH.replace(':id', id)}?${queryOf(dice.chance(0.1) ? {} : value)}`,
    headers: { ...who, 'content-type': type },
    body: rawOf(dice),
  };
}

function queryOf(value: object): string {
  return new URLSearchParams(Object.entries(value).map(([name, one]) => [name, String(one)])).toString();
}

/** Starts no program, and opens nothing of this machine. */
function harmless(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('endpoint' in value)) return value;
  const { kind } = (value.endpoint ?? {}) as { kind?: unknown };
  const isLocal = kind === 'exec' || kind === 'unix' || kind === 'serial';
  return isLocal ? { ...value, endpoint: { kind: 'listen' } } : value;
}

function fire(base: URL, agent: Agent, shot: Shot): Promise<{ status: number; text: string }> {
  const { method, path, headers, body } = shot;
  return new Promise((resolve, reject) => {
    const length = body === null ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const options = {
      agent,
      method,
      path,
      headers: { ...headers, ...length },
      host: base.hostname,
      port: base.port,
    };
    const outgoing = request({ ...options, rejectUnauthorized: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', reject);
    });
    outgoing.on('error', reject);
    outgoing.setTimeout(ANSWER_WITHIN_MS, () =>
      outgoing.destroy(new Error(`no answer to ${method} ${path}`)),
    );
    outgoing.end(body ?? undefined);
  });
}

describe('hostile requests', () => {
  it(`${REQUESTS} of them break nothing (SEED=${SEED})`, async (t) => {
    const rig = await DaemonRig.start(t);
    const ann = await rig.ann();
    await rig.addUser('eve', [{ role: 'viewer', scopes: ['vm:zz*'] }]);
    const { text: admin } = await ann.call('createToken', {}, { label: 'fuzz' });
    const { text: viewer } = await rig.socket.call('createUserToken', { name: 'eve' }, { label: 'fuzz' });
    const callers = [
      { authorization: `Bearer ${admin}` },
      { authorization: `Bearer ${viewer}` },
      { cookie: ann.cookie ?? '', 'x-csrf-token': ann.csrf ?? '' },
      { authorization: 'Bearer cwt_0123456789abcdef_zzzz' },
      { cookie: '__Host-causeway=zz', origin: 'https://evil.example' },
      {},
    ] as Record<string, string>[];
    const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
    t.after(() => agent.destroy());
    const counts = new Map<number, number>();
    const lane = async (dice: Dice, shots: number): Promise<void> => {
      for (let at = 0; at < shots; at += 1) {
        const isAdmin = dice.chance(0.5);
        const who = isAdmin
          ? callers[0]!
          : dice.pick(callers as [Record<string, string>, ...Record<string, string>[]]);
        const shot = dice.chance(UPLOAD_SHARE) ? fileAt(dice, who) : shotAt(dice.pick(NAMES), dice, who);
        const { status, text } = await fire(ann.base, agent, shot);
        counts.set(status, (counts.get(status) ?? 0) + 1);
        const code = status >= 400 && text !== '' ? (JSON.parse(text) as { code?: string }).code : undefined;
        assert.ok(
          status < 500 || BUSY.has(code ?? ''),
          `${JSON.stringify(shot).slice(0, 500)}: ${status} ${text}`,
        );
        assert.ok(status < 400 || /^CW_/.test(code ?? ''), `${status} ${text}`);
      }
    };
    const share = Math.ceil(REQUESTS / CONNECTIONS);
    await Promise.all(Array.from({ length: CONNECTIONS }, (_, at) => lane(Dice.fromSeed(SEED + at), share)));
    t.diagnostic(
      [...counts]
        .sort(([a], [b]) => a - b)
        .map(([status, count]) => `${status}: ${count}`)
        .join(', '),
    );
    assert.ok((counts.get(200) ?? 0) > REQUESTS / 100, 'some do what they ask for');
    assert.equal((await rig.client().send('/readyz')).status, 200);
    assert.equal((await rig.socket.call('verifyAudit', {})).isSound, true);
    const client = rig.client();
    client.token = admin;
    const { text: log } = await client.send('/api/v1/audit/export');
    for (const secret of [admin, viewer, PASSWORD, ann.cookie ?? '', ann.csrf ?? ''])
      assert.ok(secret.length > 16 && !log.includes(secret) && !log.includes(secret.slice(-30)));
    assert.ok(!/cw[til]_[0-9a-f]{16}_[\w-]{20}/.test(log), 'no token, link or cookie');
  });
});
