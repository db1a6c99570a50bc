/*
 * The agent with process numbers of its own: for the daemon a machine that looks the same, down to disks, inodes and paths,
 * and whose processes cannot be seen. It ends with this process.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const agent = fileURLToPath(new URL('../../src/guest/main.ts', import.meta.url));
const apart = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
const program = [process.execPath, '--disable-warning=ExperimentalWarning', agent, ...process.argv.slice(2)];
spawn('setpriv', ['--pdeathsig', 'KILL', ...apart, ...program], {
  stdio: ['inherit', 'inherit', 'inherit', 3],
}).once('exit', (code) => process.exit(code ?? 1));
