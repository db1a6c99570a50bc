#!/usr/bin/env node
import { runShort } from './short.ts';

const argv = process.argv.slice(2);
process.exitCode = (await runShort(argv)) ?? (await (await import('./program.ts')).runCli(argv));
