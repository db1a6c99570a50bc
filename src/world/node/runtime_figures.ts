import { readdirSync, readFileSync } from 'node:fs';
import { constants, monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import type { RuntimeFigures } from '../process.ts';

const NS_PER_MS = 1e6;
/** How often the event loop is looked at; what it is late by comes on top. */
const RESOLUTION_MS = 20;

const KINDS: Readonly<Record<number, string>> = {
  [constants.NODE_PERFORMANCE_GC_MAJOR]: 'major',
  [constants.NODE_PERFORMANCE_GC_MINOR]: 'minor',
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL]: 'incremental',
  [constants.NODE_PERFORMANCE_GC_WEAKCB]: 'weak-callbacks',
};

interface Collected {
  count: number;
  totalMs: number;
}

/** Measures the event loop and the garbage collector from now on; neither keeps the process alive. */
function begin() {
  const lag = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  lag.enable();
  const collected = new Map<string, Collected>(
    Object.values(KINDS).map((kind) => [kind, { count: 0, totalMs: 0 }]),
  );
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { duration, detail } = entry as { duration: number; detail?: { kind?: number } };
      const kind = KINDS[detail?.kind ?? 0];
      const sum = kind === undefined ? undefined : collected.get(kind);
      if (sum === undefined) continue;
      sum.count += 1;
      sum.totalMs += duration;
    }
  }).observe({ entryTypes: ['gc'] });
  return { lag, collected };
}

function openFiles(): number | null {
  try {
    return readdirSync('/proc/self/fd').length - 1; // less the one that lists them
  } catch {
    return null; // no /proc on this platform
  }
}

function openFilesMax(): number | null {
  try {
    const text = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return text === undefined ? null : Number(text);
  } catch {
    return null; // no /proc on this platform
  }
}

/** Beyond what the timer itself takes; 0 before the first look. */
function lateMs(ns: number): number {
  return Number.isFinite(ns) ? Math.max(0, ns / NS_PER_MS - RESOLUTION_MS) : 0;
}

export function createRuntimeFigures(): () => RuntimeFigures {
  let measuring: ReturnType<typeof begin> | null = null;
  return () => {
    measuring ??= begin();
    const { lag, collected } = measuring;
    const { heapUsed, heapTotal, external } = process.memoryUsage();
    return {
      heapUsedBytes: heapUsed,
      heapSizeBytes: heapTotal,
      externalBytes: external,
      openFiles: openFiles(),
      openFilesMax: openFilesMax(),
      lagMeanMs: lateMs(lag.mean),
      lagP99Ms: lateMs(lag.percentile(99)),
      collections: [...collected].map(([kind, sum]) => ({ kind, ...sum })),
    };
  };
}
