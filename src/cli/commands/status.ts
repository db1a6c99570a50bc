import { formatBytes, formatDuration, formatRate } from '../../base/units.ts';
import type { Action } from '../program.ts';
import { table } from '../terminal.ts';
import { VM_HEAD, vmRow } from '../vm_text.ts';

/** `causeway status` */
export const status: Action = async ({ client, terminal, json }) => {
  const view = await client.call('status', {});
  if (json) {
    terminal.out(`${JSON.stringify(view)}\n`);
    return 0;
  }
  terminal.out(
    `causeway ${view.version}, pid ${view.pid}, up ${formatDuration(view.uptimeMs)}, memory ${formatBytes(view.residentBytes)}\n`,
  );
  terminal.out(`data in ${view.dataDirectory}, key ${view.fingerprint.slice(0, 16)}…\n`);
  if (view.listen !== null) terminal.out(`agents dial in at ${view.listen}\n`);
  if (view.web !== null) {
    terminal.out(`console at ${view.web.url} (certificate SHA-256 ${view.web.certificateFingerprint})\n`);
    if (view.web.welcomeUrl !== null)
      terminal.out(`become its first administrator here, once: ${view.web.welcomeUrl}\n`);
  }
  if (view.limitBytesPerSecond !== null)
    terminal.out(`copies share ${formatRate(view.limitBytesPerSecond)} in each direction, less a tenth\n`);
  for (const { name, error } of view.parts.filter(({ state }) => state === 'restarting'))
    terminal.out(`${name} does not run and is started again: ${error?.message ?? 'it has ended'}\n`);
  if (view.vms.length === 0) terminal.out('\nNo machines yet: causeway vm add NAME --help\n');
  else terminal.out(`\n${table([VM_HEAD, ...view.vms.map(vmRow)])}\n`);
  if (view.activeJobs.length === 0) return 0;
  const { jobLine } = await import('../job_text.ts');
  terminal.out(`\n${view.activeJobs.map(jobLine).join('\n')}\n`);
  return 0;
};
