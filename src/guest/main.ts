#!/usr/bin/env node
import { runAgentCli } from './program.ts';

process.exitCode = await runAgentCli(process.argv.slice(2));
// A carrier or a device may still hold the process, for example a read of stdin that nothing ends.
process.exit();
