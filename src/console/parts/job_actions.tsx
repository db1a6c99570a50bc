import { useState } from 'preact/hooks';
import { formatBytes } from '../../base/units.ts';
import type { JobView } from '../../contract/schemas.ts';
import { call } from '../api/client.ts';
import { countText } from '../format/amounts.ts';
import { minuteText } from '../format/times.ts';
import { refresh } from '../state/daemon.ts';
import { shownJob } from '../state/job.ts';
import { languageTag, messages } from '../state/language.ts';
import { tell } from '../state/notices.ts';
import { refusalOf } from '../state/rights.ts';
import { Button } from './buttons.tsx';
import { Confirm } from './dialog.tsx';

/** What can be done with a job now. */
export function JobActions({ job }: { readonly job: JobView }) {
  const m = messages.value.job;
  const [asking, setAsking] = useState<'cancel' | 'undo' | null>(null);
  const control = refusalOf('job.control');
  const act = async (work: Promise<JobView>, done: string): Promise<void> => {
    shownJob.value = await work;
    tell(done);
    await refresh();
  };
  const { id, state } = job;
  const isActive = job.endedAtMs === null;
  const canResume = state === 'paused' || state === 'interrupted';
  return (
    <>
      {isActive && state !== 'paused' && (
        <Button refused={control} onPress={() => act(call('pauseJob', { id }), m.paused)}>
          {m.pause}
        </Button>
      )}
      {canResume && (
        <Button kind="primary" refused={control} onPress={() => act(call('resumeJob', { id }), m.resumed)}>
          {m.resume}
        </Button>
      )}
      {(isActive || state === 'interrupted') && (
        <Button refused={control} onPress={() => setAsking('cancel')}>
          {m.cancel}
        </Button>
      )}
      {job.undo?.state === 'kept' && !isActive && (
        <Button refused={refusalOf('job.undo')} onPress={() => setAsking('undo')}>
          {m.undo}
        </Button>
      )}
      {asking === 'cancel' && (
        <Confirm
          title={m.cancelTitle}
          yes={m.cancel}
          no={m.keepGoing}
          danger
          onYes={() => act(call('cancelJob', { id }), m.cancelled)}
          onClose={() => setAsking(null)}
        >
          {m.cancelText}
        </Confirm>
      )}
      {asking === 'undo' && job.undo !== null && (
        <Confirm
          title={m.undoTitle}
          yes={m.undo}
          no={m.keep}
          onYes={() => act(call('undoJob', { id }, {}), m.undone)}
          onClose={() => setAsking(null)}
        >
          {undoText(job.undo)}
        </Confirm>
      )}
    </>
  );
}

function undoText(undo: NonNullable<JobView['undo']>): string {
  const tag = languageTag.value;
  const kept = `${countText(undo.kept, tag)}, ${formatBytes(undo.bytes)}`;
  return messages.value.job.undoText(kept, countText(undo.made, tag), minuteText(undo.untilMs, tag));
}
