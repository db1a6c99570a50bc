import { useEffect, useState } from 'preact/hooks';
import { call } from '../api/client.ts';
import { newKey } from '../browser/http.ts';
import {
  type CopyDraft,
  type CopyProblem,
  copyRequestOf,
  DEFAULT_OPTIONS,
  problemsOf,
  THIS_DEVICE,
  targetsOf,
} from '../format/copy_draft.ts';
import { isNothing, NOTHING_PICKED, type Picked, withPicked } from '../format/picked.ts';
import { LinkButton, Submit } from '../parts/buttons.tsx';
import { CopyFrom, CopyTo } from '../parts/copy_ends.tsx';
import { CopyOptionFields } from '../parts/copy_options.tsx';
import { DropArea } from '../parts/drop_area.tsx';
import { Form } from '../parts/form.tsx';
import { Empty, Page } from '../parts/page.tsx';
import { SendingDialog } from '../parts/sending_dialog.tsx';
import { machines, refresh, status } from '../state/daemon.ts';
import { messages } from '../state/language.ts';
import { tell } from '../state/notices.ts';
import { refusalOf } from '../state/rights.ts';
import { goTo, linkTo } from '../state/route.ts';
import { cancelSending, discard, send } from '../state/sending.ts';

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
  const set = (part: Partial<CopyDraft>): void => setDraft((now) => ({ ...now, ...part }));
  const pick = (more: Picked): void => {
    if (isNothing(more)) return;
    setDraft((now) => ({
      ...now,
      from: THIS_DEVICE,
      picked: withPicked(now.picked ?? NOTHING_PICKED, more),
    }));
  };
  useEffect(() => cancelSending, []);
  const problems = checked ? problemsOf(draft) : new Set<CopyProblem>();
  return (
    <DropArea onPick={pick}>
      <SendingDialog />
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
              <CopyFrom draft={draft} set={set} problems={problems} onPick={pick} />
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
    </DropArea>
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
  if (draft.from !== THIS_DEVICE) return ask(copyRequestOf(draft));
  const to = { vms: targetsOf(draft), destination: draft.destination.trim() };
  const upload = await send(draft.picked ?? NOTHING_PICKED, to);
  if (upload === null) return tell(messages.value.upload.cancelled);
  try {
    await ask(copyRequestOf(draft, upload));
  } catch (failure) {
    // where it started after all, the files are its own by now and stay
    await discard(upload);
    throw failure;
  }
}

async function ask(request: ReturnType<typeof copyRequestOf>): Promise<void> {
  const m = messages.value.copy;
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
