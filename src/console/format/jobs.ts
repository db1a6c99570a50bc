import type { JobView, VmEndpoint } from '../../contract/schemas.ts';
import type { Messages } from '../messages/en/index.ts';
import { durationText } from './amounts.ts';

export type Tone = 'good' | 'busy' | 'warn' | 'bad' | 'quiet';

const TONES: Readonly<Record<JobView['state'], Tone>> = {
  waiting: 'quiet',
  running: 'busy',
  paused: 'quiet',
  done: 'good',
  partial: 'warn',
  failed: 'bad',
  interrupted: 'warn',
  cancelled: 'quiet',
};

/** How a job is coloured: one that stands still needs somebody although it runs. */
export function jobTone(job: JobView): Tone {
  return job.stall === null ? TONES[job.state] : 'bad';
}

export interface Ends {
  readonly from: { readonly place: string | null; readonly path: string };
  readonly to: { readonly place: string | null; readonly path: string };
}

/** Both ends of a copy; `place` is a machine, or null for this computer. */
export function endsOf(job: JobView, m: Messages['jobs']): Ends {
  const { direction, vm, fromVm = vm, sources, destination } = job;
  const first = sources[0] ?? '';
  const here = job.upload === undefined ? null : m.upload;
  const path = sources.length > 1 ? m.andMore(first, sources.length - 1) : first;
  return {
    from: { place: direction === 'in' ? here : direction === 'out' ? vm : fromVm, path },
    to: { place: direction === 'out' ? null : vm, path: destination },
  };
}

/** `images → dev: /srv` for a line of text; full paths stand where there is room. */
export function routeText(job: JobView, m: Messages['jobs']): string {
  const { from, to } = endsOf(job, m);
  const text = ({ place, path }: Ends['from']): string => (place === null ? path : `${place}: ${path}`);
  return `${text(from)} → ${text(to)}`;
}

/** What a running or waiting job is at, in a few words. */
export function phaseText(job: JobView, { jobs, units }: Pick<Messages, 'jobs' | 'units'>): string {
  if (job.stall !== null) return jobs.stalledFor(durationText(job.stall.forMs, units));
  if (job.waiting !== null) return jobs.waits[job.waiting.reason];
  if (job.endedAtMs !== null || job.state === 'paused') return jobs.states[job.state];
  return jobs.phases[job.phase as keyof typeof jobs.phases] ?? jobs.states[job.state];
}

/** The range of the time left; null where it is not known. */
export function leftText(job: JobView, { jobs, units }: Pick<Messages, 'jobs' | 'units'>): string | null {
  if (job.remainingMs === null || job.endedAtMs !== null) return null;
  const low = durationText(job.remainingMs.low, units);
  const high = durationText(job.remainingMs.high, units);
  return low === high ? low : jobs.range(low, high);
}

export function channelText(endpoint: VmEndpoint): string {
  switch (endpoint.kind) {
    case 'tcp':
      return `${endpoint.host}:${endpoint.port}`;
    case 'serial':
    case 'unix':
      return endpoint.path;
    case 'exec':
      return endpoint.argv.join(' ');
    case 'ssh':
      return `${endpoint.user === undefined ? '' : `${endpoint.user}@`}${endpoint.host}:${endpoint.port ?? 22}`;
    case 'listen':
      return '';
  }
}

/** What the daemon says in half a sentence, as a sentence; quotes of commands stay plain. */
export function sentence(text: string): string {
  const plain = text.replaceAll('`', '');
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

/** The last name of a path, for a heading. */
export function lastName(path: string): string {
  return path.replace(/\/+$/, '').split('/').at(-1) || path;
}

/** `debian.qcow2 → dev`: what a copy is called. */
export function jobName(job: JobView, m: Messages['jobs']): string {
  const name = lastName(job.sources[0] ?? '');
  const what = job.sources.length > 1 ? m.andMore(name, job.sources.length - 1) : name;
  return `${what} → ${endsOf(job, m).to.place ?? m.host}`;
}
