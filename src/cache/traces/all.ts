import { bootStormTrace } from './boot_storm.ts';
import { checkoutTrace } from './checkout.ts';
import { compileTrace } from './compile.ts';
import { loopTrace, mixedTrace, scanTrace, zipfTrace } from './synthetic.ts';
import type { Trace, TraceOptions } from './trace.ts';

/** The traces by which caches are judged, by the name that a user gives. docs/design/cache.md says what is in them. */
export const TRACES: Readonly<Record<string, (options: TraceOptions) => Trace>> = {
  'zipf-0.7': (options) => zipfTrace(0.7, options),
  'zipf-0.9': (options) => zipfTrace(0.9, options),
  'zipf-1.1': (options) => zipfTrace(1.1, options),
  scan: scanTrace,
  loop: loopTrace,
  mixed: mixedTrace,
  git: checkoutTrace,
  compile: compileTrace,
  boot: bootStormTrace,
};

/** Those in which the same things are done again in about the same way. */
export const RECURRING_TRACES: readonly string[] = ['git', 'compile', 'boot'];
