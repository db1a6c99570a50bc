#!/usr/bin/env node
import { runsOtherModule } from '../world/node/agent_process.ts';
import { runAgentCli } from './program.ts';

// No await outside of a function: an executable loads a newer module with `require`, which takes none that has one.
async function main(): Promise<void> {
  process.exitCode = await runAgentCli(process.argv.slice(2));
  // A carrier or a device may still hold the process, for example a read of stdin that nothing ends.
  process.exit();
}

if (!runsOtherModule()) void main();
