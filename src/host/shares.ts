import type { Passwords } from '../access/passwords/passwords.ts';
import { toHex } from '../base/bytes.ts';
import { asCausewayError, CausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { resolveAbsolute } from '../base/path.ts';
import type { CacheWish } from '../contract/cache_schemas.ts';
import type { CacheWaitView } from '../contract/mount_schemas.ts';
import type { PartView } from '../contract/part_schemas.ts';
import type { BatchView, RollBackRequest, RolledBackView } from '../contract/rollback_schemas.ts';
import type {
  CreatedShareView,
  CreateShareRequest,
  SetShareRequest,
  ShareMount,
  ShareView,
} from '../contract/share_schemas.ts';
import type { ShareEventReader } from '../service/ports.ts';
import { MOUNT_ID_BYTES } from '../wire/mount_messages.ts';
import type { HttpListen, HttpListener, ServeHttp } from '../world/http.ts';
import type { TlsIdentity } from '../world/net.ts';
import type { World } from '../world/world.ts';
import { hasJournal, keptWrites, setWish, type WritesWish } from './journal_wishes.ts';
import { SupervisedPart } from './parts/supervised_part.ts';
import type { Samba } from './samba.ts';
import { LiveShare } from './share_live.ts';
import type { ShareMounts } from './share_mounts.ts';
import { batchesOf, eraseBatches, firstOf, rollbackOf } from './share_rollback.ts';
import { type ShareServerParts, shareHandler } from './share_server.ts';
import { newSharePassword } from './share_sign_in.ts';
import { checkSmb, sambaShareOf, smbSharesOf, smbView } from './share_smb.ts';
import { checkSource } from './share_source.ts';
import type { ShareMountWish, ShareStore, StoredShare } from './share_store.ts';
import type { ShareWatches } from './share_watches.ts';
import { userQuotasOf } from './user_quotas.ts';

/** Where shares are served. Beyond loopback only with TLS. */
export interface ShareListen {
  readonly host: string;
  readonly port: number;
  /** Nobody has asked for this very port: where it is taken, another one serves. */
  readonly isDefault: boolean;
  /** TLS on loopback too. */
  readonly isEncrypted?: boolean;
}

export interface SharesParts {
  readonly world: World;
  readonly store: ShareStore;
  readonly dataDirectory: string;
  readonly passwords: Passwords;
  /** The name as it is stored. Throws CW_USER_UNKNOWN. */
  readonly userNamed: (name: string) => string;
  /** Ways to a share beside WebDAV. */
  readonly ways: {
    /** Machines that show shares as folders of theirs. */
    readonly mounts: ShareMounts;
    readonly samba: Samba;
    readonly watches: ShareWatches;
  };
  readonly serving: Pick<ShareServerParts, 'signIn' | 'records' | 'permits' | 'measure'>;
  /** Null: this daemon serves no shares. */
  readonly server: {
    readonly serve: ServeHttp;
    readonly listen: ShareListen;
    /** For what is not loopback. */
    readonly identity: () => Promise<TlsIdentity>;
  } | null;
}

const NAME_FORM = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** The shares of a daemon: what is wished for is in the database, what is served follows it. */
export class Shares implements AsyncDisposable {
  readonly #parts: SharesParts;
  readonly #live = new Map<string, LiveShare>();
  #part: SupervisedPart<HttpListener> | null = null;
  /** Where it was served first: clients know that port. */
  #port: number | null = null;
  #fingerprint: string | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  readonly #over = new AbortController();

  constructor(parts: SharesParts) {
    this.#parts = parts;
  }

  /** Serves what is in the database. A share whose folder is missing, or a port that is taken, is told by `views`. */
  async start(): Promise<void> {
    for (const record of await this.#parts.store.all()) this.#live.set(record.name, this.#liveOf(record));
    this.#parts.ways.mounts.expect([...this.#live.values()].map(({ record }) => record));
    await this.#listen();
    await this.#serveSmb();
    void this.#watchSmb();
  }

  #liveOf(record: StoredShare): LiveShare {
    const { world, serving, ways } = this.#parts;
    return new LiveShare(world, record, serving.records, ways.mounts.gate);
  }

  /** What clients do on each share at this moment. */
  activity(): { name: string; source: string; openRequests: number; locks: number }[] {
    return [...this.#live.values()].map((share) => ({
      name: share.record.name,
      source: share.record.source,
      openRequests: share.openRequests,
      locks: share.lockCount,
    }));
  }

  views(): Promise<ShareView[]> {
    return Promise.all([...this.#live.values()].map((share) => this.#viewOf(share)));
  }

  /** CW_SHARE_UNKNOWN. */
  async view(name: string): Promise<ShareView> {
    return this.#viewOf(this.#get(name));
  }

  /** Waits for what was written where a machine shows the share. CW_SHARE_UNKNOWN, CW_USAGE. */
  async waitFor(name: string, clean: boolean, waitMs: number): Promise<CacheWaitView> {
    return this.#parts.ways.mounts.waitFor(this.#get(name).record.name, clean, waitMs);
  }

  /** Changes what becomes of writes where a machine shows it, while it does. CW_SHARE_UNKNOWN, CW_USAGE. */
  setCache(name: string, wish: CacheWish): Promise<ShareView> {
    return this.#inTurn(async () => {
      const share = this.#get(name);
      const { mount } = share.record;
      if (mount === undefined || !hasJournal(mount))
        throw new CausewayError(
          'CW_USAGE',
          `${name} has no journal in a machine: causeway share set ${name} --cache-policy write-back or split makes one`,
        );
      share.record = { ...share.record, mount: { ...mount, ...setWish(mount, wish, name) } };
      await this.#parts.store.put(share.record);
      await this.#parts.ways.mounts.setCache(name, share.record.mount as ShareMountWish);
      return this.#viewOf(share);
    });
  }

  sourceOf(name: string): string {
    return this.#get(name).record.source;
  }

  /** See {@link ShareWatches.read}. CW_SHARE_UNKNOWN. */
  events(name: string, since: number | null, wake: () => void): ShareEventReader {
    return this.#parts.ways.watches.read(this.#get(name).record, since, wake);
  }

  /** CW_SHARE_EXISTS, CW_SHARE_NAME, CW_SHARE_REFUSED, CW_DISK_NOT_FOUND, CW_USER_UNKNOWN, CW_LIMIT. */
  create(request: CreateShareRequest): Promise<CreatedShareView> {
    return this.#inTurn(async () => {
      const { world, dataDirectory, store, passwords } = this.#parts;
      const { samba } = this.#parts.ways;
      if (!request.source.startsWith('/'))
        throw new CausewayError('CW_USAGE', `${request.source}: the absolute path of a folder is needed`);
      const source = request.source.replace(/\/+$/, '') || '/';
      const name = request.name ?? nameOf(source);
      if (!NAME_FORM.test(name))
        throw new CausewayError('CW_SHARE_NAME', `${name} cannot be the name of a share`);
      if (this.#live.has(name))
        throw new CausewayError('CW_SHARE_EXISTS', `there is a share ${name} already`);
      if (this.#live.size >= LIMITS.sharesMax.value)
        throw new CausewayError('CW_LIMIT', 'there are too many shares');
      const users = this.#usersOf(request.users ?? []);
      const { inode } = await checkSource(world, { source, dataDirectory, isMeant: request.iKnow === true });
      const password = newSharePassword(world.random);
      const smb = request.smb === true;
      const record: StoredShare = {
        name,
        source,
        sourceInode: inode,
        readOnly: request.readOnly === true,
        quotaBytes: request.quotaBytes ?? null,
        ...userQuotasOf(name, users, request.userQuotas ?? []),
        users,
        ...this.#wishOf(request.mount),
        passwordHash: await passwords.hash(password),
        smb,
        ...auditOf(request.audit),
        ...rollbackOf(request.rollback),
        createdAtMs: world.clock.wallMs(),
      };
      await this.#parts.ways.mounts.check(record);
      if (smb) {
        checkSmb(samba, record, this.#smbNames(name));
        await samba.setPassword(await sambaShareOf(world, record), password);
      }
      await store.put(record);
      const share = this.#liveOf(record);
      this.#live.set(name, share);
      await this.#listen();
      await this.#show(share);
      await this.#serveSmb();
      return { share: await this.#viewOf(share), password };
    });
  }

  /** CW_SHARE_UNKNOWN, CW_DISK_NOT_FOUND, CW_USER_UNKNOWN. What runs on the share is cut: its rights may be others now. */
  set(name: string, request: SetShareRequest): Promise<CreatedShareView> {
    return this.#inTurn(async () => {
      const { world, dataDirectory, store, passwords } = this.#parts;
      const { samba } = this.#parts.ways;
      const old = this.#get(name);
      const smb = request.smb ?? old.record.smb === true;
      const isNew = request.newPassword === true || (smb && old.record.smb !== true);
      const password = isNew ? newSharePassword(world.random) : null;
      let { sourceInode } = old.record;
      if (request.rebind === true) {
        const { source } = old.record;
        sourceInode = (await checkSource(world, { source, dataDirectory, isMeant: true })).inode;
      }
      const { mount: _, audit, userQuotas, rollback, ...kept } = old.record;
      const users = request.users === undefined ? old.record.users : this.#usersOf(request.users);
      const record: StoredShare = {
        ...kept,
        ...this.#wishOf(wishedMount(old.record.mount, request)),
        sourceInode,
        readOnly: request.readOnly ?? old.record.readOnly,
        quotaBytes: request.quotaBytes === undefined ? old.record.quotaBytes : request.quotaBytes,
        users,
        ...userQuotasOf(name, users, request.userQuotas ?? userQuotas ?? []),
        passwordHash: password === null ? old.record.passwordHash : await passwords.hash(password),
        smb,
        ...auditOf(request.audit ?? audit),
        ...rollbackOf(request.rollback === undefined ? rollback : request.rollback),
      };
      await this.#parts.ways.mounts.check(record);
      if (smb) checkSmb(samba, record, this.#smbNames(name));
      await this.#parts.ways.mounts.finish(name);
      await this.#serveSmb(name); // what runs on it is cut
      if (smb && password !== null) await samba.setPassword(await sambaShareOf(world, record), password);
      await store.put(record);
      if (sourceInode !== old.record.sourceInode)
        await this.#parts.ways.watches.end(
          name,
          new CausewayError('CW_SHARE_EVENTS_GONE', `${name} is another folder now`),
        );
      await this.#parts.ways.mounts.forget(name); // what is there is counted anew: nobody changes it meanwhile
      await old.close();
      if (rollback !== undefined && record.rollback === undefined) await eraseBatches(world, record);
      const share = this.#liveOf(record);
      this.#live.set(name, share);
      await this.#show(share);
      await this.#serveSmb();
      return { share: await this.#viewOf(share), password };
    });
  }

  /** CW_SHARE_UNKNOWN. What runs on it is cut; the folder stays as it is. */
  remove(name: string): Promise<void> {
    return this.#inTurn(async () => {
      const share = this.#get(name);
      await this.#parts.ways.mounts.finish(name);
      await this.#parts.store.remove(name);
      this.#live.delete(name);
      await this.#parts.ways.mounts.forget(name);
      const reason = new CausewayError('CW_SHARE_UNKNOWN', `${name} is no share any more`);
      await this.#parts.ways.watches.end(name, reason);
      await share.close();
      if (share.record.rollback !== undefined)
        await eraseBatches(this.#parts.world, share.record).catch(asCausewayError); // a disk that refuses keeps what it has
      await this.#serveSmb();
      if (this.#live.size === 0) await this.#unlisten();
    });
  }

  /** What machines have changed and can be taken back, the oldest first. CW_SHARE_UNKNOWN. */
  async batches(name: string): Promise<BatchView[]> {
    return batchesOf(this.#parts.world, this.#get(name).record);
  }

  /** Meanwhile nobody uses the share. CW_SHARE_UNKNOWN, CW_ROLLBACK_*, CW_CACHE_DIRTY: what waits there is sent on before. */
  rollBack(name: string, request: RollBackRequest): Promise<RolledBackView> {
    return this.#inTurn(async () => {
      const { world, ways } = this.#parts;
      const { record } = this.#get(name);
      const batch = firstOf(await batchesOf(world, record), request, world.clock.wallMs());
      if (request.force !== true) await ways.mounts.finish(name);
      await this.#serveSmb(name);
      await ways.mounts.forget(name);
      await this.#get(name).close();
      try {
        await ways.mounts.rollBack(record, batch);
      } finally {
        const share = this.#liveOf(record);
        this.#live.set(name, share);
        await this.#show(share);
        await this.#serveSmb();
      }
      const after = await batchesOf(world, record);
      return { batch, rollback: after.findLast(({ tookBack }) => tookBack === batch) ?? null };
    });
  }

  async close(): Promise<void> {
    this.#over.abort();
    await this.#turn;
    await this.#parts.ways.watches.close();
    await this.#parts.ways.samba.close();
    await this.#unlisten();
    for (const share of this.#live.values()) await share.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Has the shares shown by machines that are wished there; to be called once the machines are known. */
  async showAll(): Promise<void> {
    const { mounts } = this.#parts.ways;
    await mounts.start();
    for (const share of this.#live.values()) await mounts.follow(share.record, share);
    mounts.expect([]);
  }

  async #show(share: LiveShare): Promise<void> {
    const { mounts } = this.#parts.ways;
    await mounts.follow(share.record, share);
    await mounts.settled(share.record.name);
  }

  #wishOf(mount: WishedMount | null | undefined): { readonly mount?: ShareMountWish } {
    if (!mount) return {};
    const { vm, path, numericIds = false, asRoot = false } = mount;
    const id = toHex(this.#parts.world.random.bytes(MOUNT_ID_BYTES));
    return { mount: { id, vm, path, numericIds, asRoot, ...keptWrites(mount) } };
  }

  #get(name: string): LiveShare {
    const share = this.#live.get(name);
    if (share === undefined) throw new CausewayError('CW_SHARE_UNKNOWN', `there is no share ${name}`);
    return share;
  }

  #usersOf(names: readonly string[]): string[] {
    return [...new Set(names.map((name) => this.#parts.userNamed(name)))];
  }

  #smbNames(except: string): string[] {
    const shares = [...this.#live.values()].filter(
      ({ record }) => record.smb === true && record.name !== except,
    );
    return shares.map(({ record }) => record.name);
  }

  /** Those whose folder is there, but for one that is about to change. */
  async #serveSmb(except = ''): Promise<void> {
    const shares = [...this.#live.values()].filter(({ record }) => record.name !== except);
    const { samba } = this.#parts.ways;
    const served = await smbSharesOf(this.#parts.world, samba.mounts, shares);
    await samba.serve(served);
    await samba.mounts.keep(new Set(served.map(({ name }) => name)));
  }

  /** Samba would serve what lies below a missing mount: it is asked to serve a folder only as long as that is the right one. */
  async #watchSmb(): Promise<void> {
    const { clock } = this.#parts.world;
    for (;;) {
      await clock.sleep(LIMITS.smbLookMs.value, this.#over.signal).catch(() => undefined);
      if (this.#over.signal.aborted) return;
      await this.#inTurn(() => this.#serveSmb());
    }
  }

  /** Nothing listens while there is no share. */
  async #listen(): Promise<void> {
    const { server, world } = this.#parts;
    if (server === null || this.#part !== null || this.#live.size === 0) return;
    const start = () => this.#serve(server);
    this.#part = new SupervisedPart({ name: 'shares', clock: world.clock, start });
    await this.#part.beginAnyhow(); // a failure is told by each share; the daemon does its other work
  }

  async #serve(server: NonNullable<SharesParts['server']>): Promise<HttpListener> {
    const { host, port, isDefault } = server.listen;
    const handler = shareHandler({ ...this.#parts.serving, find: (name) => this.#live.get(name) ?? null });
    const isPlain = isLoopback(host) && server.listen.isEncrypted !== true;
    const identity = isPlain ? null : await server.identity();
    const listen: HttpListen = { host, port: this.#port ?? port, tls: identity };
    const listener = await server.serve(listen, handler).catch((failure) => {
      if (!isDefault || this.#port !== null || asCausewayError(failure).code !== 'CW_LINK_BUSY')
        throw failure;
      return server.serve({ ...listen, port: 0 }, handler);
    });
    this.#port = listener.port;
    this.#fingerprint = identity?.fingerprint ?? null;
    return listener;
  }

  async #unlisten(): Promise<void> {
    const part = this.#part;
    this.#part = null;
    this.#port = null;
    await part?.close();
  }

  /** What serves the shares, as far as there are any. */
  parts(): (PartView | null)[] {
    return [this.#part?.view() ?? null, this.#parts.ways.samba.part()];
  }

  async #viewOf(share: LiveShare): Promise<ShareView> {
    const { name, source, readOnly, quotaBytes, users } = share.record;
    const unserved = new CausewayError(
      'CW_LINK_REFUSED',
      'this daemon serves no shares (`causeway up --no-shares`)',
    );
    const missing = await share.problem();
    const problem = this.#part?.error ?? (this.#part?.running == null ? unserved : missing);
    return {
      name,
      protocol: 'webdav',
      source,
      readOnly,
      quotaBytes,
      usedBytes: share.usedBytes,
      users: [...users],
      userQuotas: share.userQuotas,
      audit: share.record.audit ?? 'webdav',
      rollback: share.record.rollback ?? null,
      mount: await this.#parts.ways.mounts.view(name),
      state: problem === null ? 'serving' : 'error',
      error: problem?.report() ?? null,
      smb: smbView(this.#parts.ways.samba, share.record, missing),
      url: this.#urlOf(name),
      certificateFingerprint: this.#fingerprint,
      user: name,
    };
  }

  #urlOf(name: string): string | null {
    const listener = this.#part?.running ?? null;
    if (listener === null) return null;
    const { host, port } = listener;
    const isAny = host === '0.0.0.0' || host === '::';
    const shown = isAny ? this.#parts.world.process.info.hostName : host.includes(':') ? `[${host}]` : host;
    return `${this.#fingerprint === null ? 'http' : 'https'}://${shown}:${port}/${name}/`;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined); // its caller learns of the failure
    return turn;
  }
}

/** What is to be mounted from now on, where a share is changed. CW_USAGE. */
function wishedMount(
  old: ShareMountWish | undefined,
  request: SetShareRequest,
): WishedMount | null | undefined {
  const mount = request.mount === undefined ? old : request.mount;
  const { cachePolicy } = request;
  if (cachePolicy === undefined) return mount;
  if (!mount)
    throw new CausewayError('CW_USAGE', 'a cache policy is for a share that a machine shows: --mount');
  return { ...mount, cachePolicy, hasJournal: false };
}

type WishedMount = Omit<ShareMount, 'cachePolicy'> & WritesWish;

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

function auditOf(wished: CreateShareRequest['audit']): Pick<StoredShare, 'audit'> {
  return wished === undefined || wished === 'webdav' ? {} : { audit: wished };
}

/** The last part of the path, in letters that a name may have. */
function nameOf(source: string): string {
  const last = resolveAbsolute('/', source).split('/').at(-1) ?? '';
  return (
    last
      .replace(/[^A-Za-z0-9._-]+/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 63) || 'share'
  );
}
