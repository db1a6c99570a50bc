import type { Vault } from '../../access/keys/vault.ts';
import { toHex } from '../../base/bytes.ts';
import { CausewayError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { NOTIFY_EVENTS } from '../../contract/notify_events.ts';
import type { AddedNotifierView, AddNotifierRequest, NotifierView } from '../../contract/notify_schemas.ts';
import type { NotifiersPort } from '../../service/ports.ts';
import type { Database } from '../../world/database.ts';
import type { World } from '../../world/world.ts';
import { addressRule, webhookUrl } from './addresses.ts';
import type { DeliveryParts } from './deliver.ts';
import type { Happening, Notification } from './notification.ts';
import { NotifyLane, type OnResult } from './notify_lane.ts';
import { NotifyStore, type NotifyTarget } from './notify_store.ts';

export interface NotifiersParts extends DeliveryParts {
  readonly world: Pick<World, 'random' | 'process'>;
  readonly database: Database;
  readonly vault: Vault;
  readonly onResult: OnResult;
}

const SECRET_BYTES = 32;
const ID_BYTES = 8;

/** The receivers of notifications of a daemon. What waits for one is in memory: it is lost when the daemon stops. */
export class Notifiers implements NotifiersPort, AsyncDisposable {
  readonly #parts: NotifiersParts;
  readonly #store: NotifyStore;
  readonly #lanes = new Map<string, NotifyLane>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: NotifiersParts) {
    this.#parts = parts;
    this.#store = new NotifyStore(parts.database, parts.vault);
  }

  /** CW_DAEMON_STATE, CW_KEY_WRONG, CW_DISK_*. */
  async load(): Promise<void> {
    for (const stored of await this.#store.all()) this.#lanes.set(stored.name, this.#lane(stored));
  }

  views(): NotifierView[] {
    return [...this.#lanes.values()].map((lane) => lane.view());
  }

  /** CW_NOTIFY_EXISTS, CW_USAGE, CW_LIMIT, CW_DISK_*. */
  add(request: AddNotifierRequest): Promise<AddedNotifierView> {
    return this.#inTurn(async () => {
      const { name, events = NOTIFY_EVENTS } = request;
      if (this.#lanes.has(name))
        throw new CausewayError('CW_NOTIFY_EXISTS', `there is a receiver ${name} already`);
      if (this.#lanes.size >= LIMITS.notifiersMax.value)
        throw new CausewayError('CW_LIMIT', 'there are too many receivers of notifications');
      const target = this.#targetOf(request);
      const createdAtMs = Math.floor(this.#parts.clock.wallMs());
      const stored = { name, events: [...events], createdAtMs, target };
      await this.#store.put(stored);
      const lane = this.#lane(stored);
      this.#lanes.set(name, lane);
      return { notifier: lane.view(), secret: target.kind === 'webhook' ? target.secret : null };
    });
  }

  /** CW_NOTIFY_UNKNOWN, CW_DISK_*. */
  remove(name: string): Promise<void> {
    return this.#inTurn(async () => {
      const lane = this.#get(name);
      await this.#store.remove(name);
      this.#lanes.delete(name);
      await lane.close();
    });
  }

  /** Delivers a notification that says it is a test. CW_NOTIFY_*. */
  async test(name: string): Promise<NotifierView> {
    const lane = this.#get(name);
    await lane.test(this.#notification({ event: 'test', text: 'this is a test of the notifications' }));
    return lane.view();
  }

  /** Tells all who want to know. Never waits, never throws. */
  tell(happening: Happening): void {
    const notification = this.#notification(happening);
    for (const lane of this.#lanes.values())
      if (lane.stored.events.some((event) => event === happening.event)) lane.push(notification);
  }

  async close(): Promise<void> {
    await this.#turn;
    await Promise.all([...this.#lanes.values()].map((lane) => lane.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #lane(stored: NotifyLane['stored']): NotifyLane {
    return new NotifyLane(stored, this.#parts, this.#parts.onResult);
  }

  #get(name: string): NotifyLane {
    const lane = this.#lanes.get(name);
    if (lane === undefined)
      throw new CausewayError('CW_NOTIFY_UNKNOWN', `there is no receiver ${name} of notifications`);
    return lane;
  }

  #targetOf({ url, command, permit = [] }: AddNotifierRequest): NotifyTarget {
    if ((url === undefined) === (command === undefined))
      throw new CausewayError('CW_USAGE', 'a receiver is either a webhook or a command');
    if (command !== undefined) {
      if (command[0]?.startsWith('/') !== true || command.some((part) => part.includes('\0')))
        throw new CausewayError('CW_USAGE', 'the absolute path of a program is needed');
      return { kind: 'command', argv: [...command] };
    }
    const kept = webhookUrl(url ?? '');
    addressRule(kept, permit); // refuses what is no network
    const secret = toHex(this.#parts.world.random.bytes(SECRET_BYTES));
    return { kind: 'webhook', url: kept, secret, permit: [...permit] };
  }

  #notification(happening: Happening): Notification {
    const { world, clock } = this.#parts;
    return {
      id: toHex(world.random.bytes(ID_BYTES)),
      recovered: false,
      vm: null,
      job: null,
      code: null,
      atMs: Math.floor(clock.wallMs()),
      host: world.process.info.hostName,
      ...happening,
    };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined); // its caller learns of the failure
    return turn;
  }
}
