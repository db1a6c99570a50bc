// node scripts/bundle_agent.ts OUTPUT: the agent as one module, made of the sources.
import { bundle } from './bundle.ts';

const [output] = process.argv.slice(2);
if (output === undefined) throw new Error('say where the agent is to be written');
await bundle('src/guest/main.ts', output);
