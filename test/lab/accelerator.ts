import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { buildInitramfs } from './initramfs.ts';
import { bootableKernel, findKernel } from './kernel.ts';
import { labCachePath } from './paths.ts';
import { qemuVersion, spawnQemu } from './qemu.ts';

export type Accelerator = 'kvm' | 'tcg';

/** A kernel under working KVM reaches user space in about one second; half-working KVM never does. */
const probeLimitMs = 4_500;
const probeStepMs = 50;

/** QEMU arguments of the accelerator and the processor model that goes with it. */
export function acceleratorArgs(accelerator: Accelerator): string[] {
  return accelerator === 'kvm'
    ? ['-accel', 'kvm', '-cpu', 'host']
    : ['-accel', 'tcg,thread=multi', '-cpu', 'max,la57=off'];
}

/**
 * Whether the guest can run under KVM here. That /dev/kvm opens proves nothing (there are hosts where it does and the
 * guest hangs in its first instructions), so the lab's kernel is booted once, and the outcome kept in `.cache/lab` until
 * the machine or QEMU changes.
 */
export async function usableAccelerator(): Promise<Accelerator> {
  if (!canOpenKvm()) return 'tcg';
  const cachePath = `${labCachePath}/accelerator.json`;
  const machine = machineId();
  const known = readCache(cachePath);
  if (known !== null && known.machine === machine) return known.accelerator;
  const accelerator = (await bootsUnderKvm()) ? 'kvm' : 'tcg';
  const temporary = `${cachePath}.${process.pid}`;
  writeFileSync(temporary, JSON.stringify({ machine, accelerator }));
  renameSync(temporary, cachePath);
  return accelerator;
}

function canOpenKvm(): boolean {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return true;
  } catch {
    // Absent or not permitted: either way KVM is not for us.
    return false;
  }
}

function machineId(): string {
  const facts = [
    qemuVersion(),
    readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'),
    readFileSync('/proc/version', 'utf8'),
  ];
  return createHash('sha256').update(facts.join('\0')).digest('hex');
}

function readCache(path: string): { machine: string; accelerator: Accelerator } | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    // Absent or damaged: the probe runs again.
    return null;
  }
}

async function bootsUnderKvm(): Promise<boolean> {
  const kernel = findKernel();
  if (kernel === null) return false;
  mkdirSync(labCachePath, { recursive: true });
  const folder = mkdtempSync(`${labCachePath}/probe-`);
  const consolePath = `${folder}/console.log`;
  const child = spawnQemu(
    [
      ...['-machine', 'q35', ...acceleratorArgs('kvm'), '-m', '512', '-nodefaults', '-no-user-config'],
      ...['-display', 'none', '-no-reboot', '-serial', `file:${consolePath}`],
      ...['-kernel', bootableKernel(kernel), '-initrd', buildInitramfs(kernel)],
      ...['-append', 'console=ttyS0 quiet panic=-1 lab.probe'],
    ],
    `${folder}/qemu.log`,
  );
  let ended = false;
  const exit = new Promise<void>((resolve) => {
    const onEnd = () => {
      ended = true;
      resolve();
    };
    child.once('exit', onEnd).once('error', onEnd);
  });
  const started = performance.now();
  while (!ended && performance.now() - started < probeLimitMs) await Promise.race([exit, delay(probeStepMs)]);
  if (!ended) child.kill('SIGKILL');
  await exit;
  const booted = readConsole(consolePath).includes('LAB-PROBE-OK');
  rmSync(folder, { recursive: true, force: true });
  return booted;
}

function readConsole(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // QEMU ended before it made the file.
    return '';
  }
}
