import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { MachineProof } from '../same_machine.ts';
import { hasWideSyscalls } from './syscalls.ts';
import { createNodeWorld } from './world.ts';

const skip = !hasWideSyscalls() && 'this platform has no such system calls';
const isRequired = process.env['CAUSEWAY_REQUIRE'] === 'all';
/** Only root can become somebody else. */
const skipRoot = skip || (process.getuid?.() === 0 || isRequired ? false : 'needs root');
const folder = mkdtempSync(join(tmpdir(), 'cw-same-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** What the proofs are about. */
const ABOUT = Uint8Array.of(1, 2, 3);

/** What another process, started by these words, finds of this one. */
function metBy(proof: MachineProof, words: readonly string[] = [], about = ABOUT): string {
  const module = fileURLToPath(new URL('./world.ts', import.meta.url));
  const told = JSON.stringify({ ...proof, secret: [...proof.secret] });
  const code = `
    const { createNodeWorld } = await import(${JSON.stringify(module)});
    const proof = ${told};
    const met = await createNodeWorld().sameMachine.meet({ ...proof, secret: Uint8Array.from(proof.secret) }, Uint8Array.from([${about}]));
    console.log(met.kind === 'met' ? (await met.folders[0].self()).inode : met.why);`;
  const argv = [...words, process.execPath, '--disable-warning=ExperimentalWarning', '--input-type=module'];
  return execFileSync('env', [...argv, '-e', code], { encoding: 'utf8' }).trim();
}

test('another process of this machine opens the folder that this one has open, wherever it lies by then', {
  skip,
}, async () => {
  const { disk, sameMachine } = createNodeWorld();
  mkdirSync(join(folder, 'shown'));
  await using dir = await disk.openRoot(join(folder, 'shown'));
  using shown = sameMachine!.show([dir], ABOUT)!;
  assert.equal(metBy(shown.proof), (await dir.self()).inode);
  execFileSync('mv', [join(folder, 'shown'), join(folder, 'moved')]);
  mkdirSync(join(folder, 'shown'));
  assert.equal(metBy(shown.proof), (await dir.self()).inode);
});

test('what looks the same is not taken for it: another secret, another process, one that has ended', {
  skip,
}, async () => {
  const { disk, sameMachine } = createNodeWorld();
  await using dir = await disk.openRoot(folder);
  const shown = sameMachine!.show([dir], ABOUT)!;
  const { proof } = shown;
  assert.match(metBy({ ...proof, secret: proof.secret.map((byte) => byte ^ 1) }), /on another machine/);
  assert.match(metBy({ ...proof, secretFd: 0 }), /on another machine/);
  assert.match(metBy({ ...proof, processId: 2 ** 31 - 1 }), /no such process/);
  assert.match(metBy({ ...proof, folderFds: [proof.secretFd] }), /on another machine/);
  assert.match(metBy(proof, [], Uint8Array.of(1, 2, 4)), /on another machine/);
  shown[Symbol.dispose]();
  assert.match(metBy(proof), /on another machine/);
});

test('a process with other rights is refused', { skip: skipRoot }, async () => {
  const { disk, sameMachine } = createNodeWorld();
  await using dir = await disk.openRoot(folder);
  using shown = sameMachine!.show([dir], ABOUT)!;
  const fewer = ['setpriv', '--bounding-set', '-dac_override', '--inh-caps', '-dac_override'];
  assert.match(metBy(shown.proof, fewer), /may not read the same/);
  assert.match(
    metBy(shown.proof, ['unshare', '--user', '--map-root-user']),
    /may not read the same|no such process/,
  );
});
