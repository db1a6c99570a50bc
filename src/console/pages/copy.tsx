import { useState } from 'preact/hooks';
import { call } from '../api/client.ts';
import { newKey } from '../browser/http.ts';
import {
  type CopyDraft,
  type CopyProblem,
  copyRequestOf,
  DEFAULT_OPTIONS,
  problemsOf,
} from '../format/copy_draft.ts';
import { LinkButton, Submit } from '../parts/buttons.tsx';
import { CopyFrom, CopyTo } from '../parts/copy_ends.tsx';
import { CopyOptionFields } from '../parts/copy_options.tsx';
import { Form } from '../parts/form.tsx';
import { Empty, Page } from '../parts/page.tsx';
import { machines, refresh, status } from '../state/daemon.ts';
import { messages } from '../state/language.ts';
import { tell } from '../state/notices.ts';
import { refusalOf } from '../state/rights.ts';
import { goTo, linkTo } from '../state/route.ts';

/** `machine` is chosen from the beginning where one came from its page. */
export function CopyPage({ machine }: { readonly machine: string | undefined }) {
  const { copy: m, shell, machines: names } = messages.value;
  if (status.value === null) return <Page title={m.title}>{shell.loading}</Page>;
  if (machines.value.length === 0) {
    return (
      <Page title={m.title}>
        <Empty title={m.noMachine} text={m.noMachineText}>
          <LinkButton kind="primary" href={linkTo('machines', 'add')}>
            {names.add}
          </LinkButton>
        </Empty>
      </Page>
    );
  }
  return (
    <Page title={m.title} lead={m.lead}>
      <CopyForm machine={machine ?? machines.value[0]!.name} />
    </Page>
  );
}

function CopyForm({ machine }: { readonly machine: string }) {
  const { copy: m, shell } = messages.value;
  const [checked, setChecked] = useState(false);
  const [draft, setDraft] = useState<CopyDraft>({
    from: '',
    sources: [''],
    to: machine,
    alsoTo: [],
    destination: '',
    options: DEFAULT_OPTIONS,
  });
  const set = (part: Partial<CopyDraft>): void => setDraft({ ...draft, ...part });
  const problems = checked ? problemsOf(draft) : new Set<CopyProblem>();
  return (
    <Form
      label={m.title}
      check={() => {
        setChecked(true);
        return problemsOf(draft).size === 0;
      }}
      onSubmit={() => start(draft)}
    >
      {(running) => (
        <>
          <div class="copy-ends">
            <CopyFrom draft={draft} set={set} problems={problems} />
            <CopyTo draft={draft} set={set} problems={problems} />
          </div>
          <CopyOptionFields
            options={draft.options}
            set={(part) => set({ options: { ...draft.options, ...part } })}
            problems={problems}
          />
          <div class="actions at-end">
            <a class="button plain" href={linkTo('jobs')}>
              {shell.cancel}
            </a>
            <Submit running={running} refused={refusalOf('job.start')}>
              {m.submit}
            </Submit>
          </div>
        </>
      )}
    </Form>
  );
}

const NOTHING = { content: '', key: '' };
let asked = NOTHING;

/** A copy that is asked for again because its answer was lost is the same call, and starts once. */
function keyOf(request: object): string {
  const content = JSON.stringify(request);
  if (asked.content !== content) asked = { content, key: newKey() };
  return asked.key;
}

async function start(draft: CopyDraft): Promise<void> {
  const m = messages.value.copy;
  const request = copyRequestOf(draft);
  if ('one' in request) {
    const job = await call('startJob', {}, request.one, keyOf(request));
    asked = NOTHING;
    tell(m.started);
    goTo('jobs', job.id);
  } else {
    const group = await call('startGroup', {}, request.group, keyOf(request));
    asked = NOTHING;
    tell(m.groupStarted(group.jobs.length));
    goTo('jobs');
  }
  await refresh();
}
