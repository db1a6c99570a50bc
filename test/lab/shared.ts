import { bootLabVm, type LabVm } from './vm.ts';

const running = new Map<boolean, Promise<LabVm>>();

/**
 * One VM for all tests of this process that ask with the same `network`; it ends with the process. Its guest keeps what
 * earlier tests did, so a test cleans up after itself, and a test that resets or stops the machine boots its own.
 */
export function sharedLabVm(options: { network: boolean }): Promise<LabVm> {
  const known = running.get(options.network);
  if (known !== undefined) return known;
  const booting = bootLabVm(options);
  running.set(options.network, booting);
  // A later test tries again instead of failing with the error of this boot.
  booting.catch(() => running.delete(options.network));
  return booting;
}
