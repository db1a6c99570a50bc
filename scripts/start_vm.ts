import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { followJob } from '../src/cli/follow.ts';
import { encryptionText } from '../src/cli/vm_text.ts';
import { processTerminal } from '../src/world/node/terminal.ts';
import { ROOT } from '../test/interop/rig.ts';
import { CopyLab, guestListing, hostListing } from '../test/lab/rig.ts';
import { labMissing } from '../test/lab/vm.ts';

/*
 * npm start -- --vm [--once]: as npm start, with a real machine under QEMU that has no network; daemon and agent meet
 * over its virtio-serial port. The machine's root is this one's, read-only.
 */
const terminal = processTerminal();
// Both say by themselves what they miss; whether a machine can be booted is asked afterwards.
spawnSync('sh', [join(ROOT, 'scripts/setup')], { stdio: ['ignore', 'ignore', 'inherit'] });
spawnSync(process.execPath, [join(ROOT, 'test/lab/prepare.ts')], { stdio: ['ignore', 'ignore', 'inherit'] });
const missing = labMissing();
if (missing !== null) {
  terminal.err(`no machine can be booted here: ${missing}\n  npm start without --vm needs none.\n`);
  process.exit(4);
}
terminal.out('booting a machine without network …\n');
const lab = await CopyLab.start({ topology: 'serial' });
const source = join(ROOT, 'src');
const destination = `${lab.guestFiles}/copy`;
const job = await lab.startJob('in', source, destination);
terminal.out(`copying ${source} → vm:${destination}\n`);
const context = { terminal, json: process.argv.includes('--json'), dataDirectory: '', client: lab.client };
let code = await followJob(context, job.id, { quiet: false, signal: terminal.interrupted });
if (code === 0) {
  const same = (await guestListing(lab, destination)) === hostListing(source);
  const vm = await lab.client.call('showVm', { name: 'vm' });
  terminal.out(
    `compared with sha256sum in the machine: ${same ? 'equal' : 'DIFFERENT'}; encrypted with ${encryptionText(vm)}\n`,
  );
  if (!same) code = 5;
}
if (code === 0 && !process.argv.includes('--once')) {
  terminal.out(`\nDaemon API: ${lab.client.socketPath}\nCtrl-C ends the machine.\n`);
  await new Promise<void>((resolve) =>
    terminal.interrupted.addEventListener('abort', () => resolve(), { once: true }),
  );
}
await lab[Symbol.asyncDispose]();
process.exit(code);
