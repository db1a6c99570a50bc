import { AuditLog } from '../access/audit/audit_log.ts';
import { deleteExpired } from '../access/audit/retention.ts';
import { AllowStore } from '../access/guard/allow_store.ts';
import { Identity } from '../access/identity.ts';
import { MasterKeys } from '../access/keys/master_keys.ts';
import type { Vault } from '../access/keys/vault.ts';
import { Passwords } from '../access/passwords/passwords.ts';
import type { AccessPorts } from '../access/ports.ts';
import { asCausewayError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { joinAbsolute, parseName } from '../base/path.ts';
import { AuditTrail } from '../service/audit_trail.ts';
import { RefusalMeter } from '../service/refusal_meter.ts';
import type { Argon2Cost, Cryptography } from '../world/cryptography.ts';
import type { Dir } from '../world/disk.ts';
import type { World } from '../world/world.ts';
import type { DaemonSettings } from './daemon_settings.ts';

const AUDIT_FOLDER = 'audit';
const FOLDER_MODE = 0o700;
const DAY_MS = 24 * 3_600_000;

/** Who people are, and what is recorded of them, of one data directory. */
export class Access implements AsyncDisposable {
  readonly identity: Identity;
  readonly allow: AllowStore;
  readonly trail: AuditTrail;
  readonly passwords: Passwords;
  readonly vault: Vault;
  readonly #clock: World['clock'];
  readonly #auditDir: Dir;
  readonly #settings: DaemonSettings;
  readonly #stop = new AbortController();
  readonly #upkeep: Promise<void>;

  private constructor(
    parts: Pick<Access, 'identity' | 'allow' | 'trail' | 'passwords' | 'vault'>,
    clock: World['clock'],
    auditDir: Dir,
    settings: DaemonSettings,
  ) {
    this.#settings = settings;
    this.identity = parts.identity;
    this.allow = parts.allow;
    this.trail = parts.trail;
    this.passwords = parts.passwords;
    this.vault = parts.vault;
    this.#clock = clock;
    this.#auditDir = auditDir;
    this.#upkeep = this.#keepUp();
  }

  /** CW_DAEMON_STATE, CW_KEY_WRONG, CW_AUDIT_UNAVAILABLE, CW_DISK_*. */
  static async open(
    world: World,
    { crypto, passwordCost }: { readonly crypto: Cryptography; readonly passwordCost?: Argon2Cost },
    dir: Dir,
    dirPath: string,
    settings: DaemonSettings,
  ): Promise<Access> {
    const ports: AccessPorts = { clock: world.clock, random: world.random, crypto };
    const vault = await MasterKeys.open(ports, dir, dirPath, world.process.info.platform);
    const passwords = new Passwords(ports, passwordCost);
    const identity = await Identity.open(ports, vault, { dir, dirPath }, passwords, {
      idleMs: () => settings.get('sessions.idleMinutes') * 60_000,
      lifeMs: () => settings.get('sessions.lifeHours') * 3_600_000,
    });
    const allow = await AllowStore.open(dir, dirPath);
    settings.watch(() => allow.configure(settings.get('web.allowNetworks')));
    const auditDir = await openAuditDir(dir);
    try {
      const at = { dir: auditDir, dirPath: joinAbsolute(dirPath, AUDIT_FOLDER) };
      const log = await AuditLog.open(ports, vault, at);
      const trail = new AuditTrail(log, new RefusalMeter(world.clock));
      return new Access({ identity, allow, trail, passwords, vault }, world.clock, auditDir, settings);
    } catch (failure) {
      await auditDir.close();
      throw failure;
    }
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#upkeep;
    await this.identity.flush();
    await this.trail.settled();
    await this.trail.log.close();
    await this.#auditDir.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Stores times of last use, forgets what has expired, and deletes audit records that are old enough. */
  async #keepUp(): Promise<void> {
    const { signal } = this.#stop;
    let expireAtMs = this.#clock.monotonicMs();
    while (!signal.aborted) {
      try {
        await this.#clock.sleep(LIMITS.accessUpkeepEveryMs.value, signal);
        await this.identity.flush();
        if (this.#clock.monotonicMs() < expireAtMs) continue;
        expireAtMs += LIMITS.auditExpiryEveryMs.value;
        await deleteExpired(this.trail.log, this.#settings.get('audit.retentionDays') * DAY_MS);
      } catch {
        // The end, or a full disk: nothing is lost by trying again later, and what cannot be recorded is refused meanwhile.
      }
    }
  }
}

async function openAuditDir(dir: Dir): Promise<Dir> {
  const name = parseName(AUDIT_FOLDER);
  try {
    await dir.makeDir(name, FOLDER_MODE);
    await dir.sync();
  } catch (failure) {
    if (asCausewayError(failure).code !== 'CW_DISK_EXISTS') throw failure;
  }
  return dir.openDir(name);
}
