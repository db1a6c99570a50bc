import { batch, computed, effect, signal } from '@preact/signals';
import { EVENTS_PATH, HTTPS_PREFIX } from '../../contract/routes.ts';
import type { JobView, VmView } from '../../contract/schemas.ts';
import { listen } from '../browser/events.ts';
import { withJob, withMachine, withoutMachine } from '../format/merge.ts';
import { isLive, recentJobs, refresh, status } from './daemon.ts';
import { shownJob } from './job.ts';
import { loadMe, me } from './session.ts';

const isVisible = signal(document.visibilityState === 'visible');
document.addEventListener('visibilitychange', () => {
  isVisible.value = document.visibilityState === 'visible';
});

const who = computed(() => (me.value === null || me.value === 'unknown' ? null : me.value.name));

/**
 * Takes events as they come, while somebody is signed in and looks: a browser holds few connections to one host, and every
 * page that listens keeps one of them.
 */
export function beginListening(): void {
  effect(() => {
    if (who.value === null || !isVisible.value) return undefined;
    return listen(`${HTTPS_PREFIX}${EVENTS_PATH}`, HANDLERS, (open) => {
      isLive.value = open;
    });
  });
}

const HANDLERS = {
  hello: (data: unknown) => {
    if ((data as { overflow: boolean }).overflow) void refresh();
  },
  job: (data: unknown) => takeJob(data as JobView),
  vm: (data: unknown) => {
    if (status.value !== null) status.value = withMachine(status.value, data as VmView);
  },
  'vm-removed': (data: unknown) => {
    if (status.value !== null) status.value = withoutMachine(status.value, (data as { name: string }).name);
  },
  /** Perhaps the own rights. */
  users: () => void loadMe(),
};

function takeJob(job: JobView): void {
  batch(() => {
    if (status.value !== null) status.value = withJob(status.value, job);
    recentJobs.value = recentJobs.value.map((one) => (one.id === job.id ? job : one));
    const shown = shownJob.value;
    if (shown !== null && shown !== 'gone' && shown.id === job.id) shownJob.value = job;
  });
}
