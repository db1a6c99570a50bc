import { useEffect, useState } from 'preact/hooks';
import type { JobState, JobView } from '../../contract/schemas.ts';
import { call } from '../api/client.ts';
import { Button, LinkButton } from '../parts/buttons.tsx';
import { SelectField } from '../parts/form.tsx';
import { JobRows } from '../parts/job_rows.tsx';
import { Card, Empty, Page } from '../parts/page.tsx';
import { machines, recentJobs, status } from '../state/daemon.ts';
import { messages } from '../state/language.ts';
import { tellError } from '../state/notices.ts';
import { refusalOf } from '../state/rights.ts';
import { linkTo } from '../state/route.ts';

const PAGE_JOBS = 50;
const ACTIVE: readonly JobState[] = ['waiting', 'running', 'paused'];
const ENDED: readonly JobState[] = ['done', 'partial', 'failed', 'interrupted', 'cancelled'];
const FILTERS = ['all', 'active', 'ended', ...ENDED] as const;
type Filter = (typeof FILTERS)[number];

function statesOf(filter: Filter): JobState[] | undefined {
  if (filter === 'all') return undefined;
  if (filter === 'active') return [...ACTIVE];
  return filter === 'ended' ? [...ENDED] : [filter];
}

interface Listed {
  readonly jobs: readonly JobView[];
  readonly nextCursor: string | null;
}

export function JobsPage() {
  const { jobs: m, shell } = messages.value;
  const [filter, setFilter] = useState<Filter>('all');
  const [vm, setVm] = useState('');
  const [listed, setListed] = useState<Listed | null>(null);
  const ask = (cursor?: string) =>
    call('listJobs', {}, { state: statesOf(filter), vm: vm || undefined, limit: PAGE_JOBS, cursor });
  // A job that has come or gone changes the list; what moves is taken from the status.
  const newest = recentJobs.value;
  useEffect(() => {
    let isOver = false;
    ask().then((page) => !isOver && setListed(page), tellError);
    return () => {
      isOver = true;
    };
  }, [filter, vm, newest]);
  const more = async (cursor: string): Promise<void> => {
    const page = await ask(cursor);
    setListed({ jobs: [...(listed?.jobs ?? []), ...page.jobs], nextCursor: page.nextCursor });
  };
  const start = refusalOf('job.start') === null && (
    <LinkButton kind="primary" href={linkTo('copy')}>
      {m.start}
    </LinkButton>
  );
  const isEmpty = listed?.jobs.length === 0 && filter === 'all' && vm === '';
  return (
    <Page title={m.title} lead={m.lead} actions={isEmpty ? null : start}>
      {isEmpty ? (
        <Empty title={m.emptyTitle} text={m.emptyText}>
          {start}
        </Empty>
      ) : (
        <Card title={m.title} aside={<Filters filter={filter} setFilter={setFilter} vm={vm} setVm={setVm} />}>
          {listed === null && <p class="quiet">{shell.loading}</p>}
          {listed?.jobs.length === 0 && <p class="quiet">{m.emptyFilter}</p>}
          {listed !== null && <JobRows jobs={listed.jobs.map(current)} />}
          {listed?.nextCursor != null && (
            <div class="actions">
              <Button onPress={() => more(listed.nextCursor!)}>{shell.more}</Button>
            </div>
          )}
        </Card>
      )}
    </Page>
  );
}

/** The newest that is known of a job. */
function current(job: JobView): JobView {
  return status.value?.activeJobs.find((one) => one.id === job.id) ?? job;
}

interface FiltersProps {
  readonly filter: Filter;
  readonly setFilter: (filter: Filter) => void;
  readonly vm: string;
  readonly setVm: (vm: string) => void;
}

function Filters({ filter, setFilter, vm, setVm }: FiltersProps) {
  const m = messages.value.jobs;
  const names = { all: m.all, active: m.active, ended: m.ended, ...m.states };
  return (
    <div class="filters">
      <SelectField
        label={m.filterState}
        value={filter}
        onChange={setFilter}
        options={FILTERS.map((value) => ({ value, text: names[value] }))}
      />
      <SelectField
        label={m.filterMachine}
        value={vm}
        onChange={setVm}
        options={[
          { value: '', text: m.allMachines },
          ...machines.value.map(({ name }) => ({ value: name, text: name })),
        ]}
      />
    </div>
  );
}
