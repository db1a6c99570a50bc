import type { Readings } from '../../telemetry/readings.ts';
import type { World } from '../../world/world.ts';

export interface ProcessFacts {
  readonly version: string;
  readonly buildId: string;
  readonly protocol: number;
  /** Monotonic. */
  readonly startedMs: number;
}

/** What the daemon uses, and how the machine below it fares. */
export function readProcess(
  readings: Readings,
  { process, clock }: Pick<World, 'process' | 'clock'>,
  facts: ProcessFacts,
): void {
  const { version, buildId, protocol } = facts;
  const upMs = clock.monotonicMs() - facts.startedMs;
  const usage = process.usage();
  readings.set('causeway_build_info', { version, build_id: buildId, protocol: String(protocol) }, 1);
  readings.set('causeway_uptime_seconds', {}, upMs / 1_000);
  readings.set('process_start_time_seconds', {}, (clock.wallMs() - upMs) / 1_000);
  readings.set('causeway_cpus', {}, process.info.cpuCount);
  readings.set('process_cpu_seconds', {}, usage.cpuMs / 1_000);
  readings.set('process_resident_memory_bytes', {}, usage.residentBytes);
  readings.set('causeway_main_thread_seconds', {}, usage.mainThreadMs / 1_000);
  readRuntime(readings, process.runtime());
  const strain = process.strain();
  if (strain === null) return;
  const waits = { cpu: strain.cpuWaitMs, io: strain.ioWaitMs, memory: strain.memoryWaitMs };
  for (const [resource, waitMs] of Object.entries(waits))
    readings.set('causeway_host_pressure_seconds', { resource }, waitMs / 1_000);
  readings.set('causeway_stuck_threads', {}, strain.stuckThreads);
}

function readRuntime(readings: Readings, runtime: ReturnType<World['process']['runtime']>): void {
  readings.set('causeway_event_loop_lag_seconds', {}, runtime.lagMeanMs / 1_000);
  readings.set('causeway_event_loop_lag_p99_seconds', {}, runtime.lagP99Ms / 1_000);
  readings.set('causeway_heap_used_bytes', {}, runtime.heapUsedBytes);
  readings.set('causeway_heap_size_bytes', {}, runtime.heapSizeBytes);
  readings.set('causeway_external_memory_bytes', {}, runtime.externalBytes);
  readings.set('process_open_fds', {}, runtime.openFiles);
  readings.set('process_max_fds', {}, runtime.openFilesMax);
  for (const { kind, count, totalMs } of runtime.collections) {
    readings.set('causeway_gc_runs', { kind }, count);
    readings.set('causeway_gc_seconds', { kind }, totalMs / 1_000);
  }
}
