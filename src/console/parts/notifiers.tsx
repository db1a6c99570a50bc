import { useState } from 'preact/hooks';
import { NOTIFY_EVENTS } from '../../contract/notify_events.ts';
import type { AddedNotifierView, NotifierView } from '../../contract/notify_schemas.ts';
import { call } from '../api/client.ts';
import { messages } from '../state/language.ts';
import { tell } from '../state/notices.ts';
import { Button } from './buttons.tsx';
import { CopyText } from './copy_text.tsx';
import { Confirm } from './dialog.tsx';
import { Shown, useLoaded } from './loaded.tsx';
import { Mark, Time } from './marks.tsx';
import { NotifierForm } from './notifier_form.tsx';
import { Card } from './page.tsx';

/** Who is told when something goes wrong. */
export function Notifiers() {
  const m = messages.value.notifiers;
  const loaded = useLoaded(() => call('listNotifiers', {}));
  const [added, setAdded] = useState<AddedNotifierView | null>(null);
  return (
    <Card title={m.title} lead={m.lead}>
      {added !== null && added.secret !== null && (
        <>
          <p>{m.secretText}</p>
          <CopyText text={added.secret} label={m.secret} />
        </>
      )}
      <Shown loaded={loaded}>
        {(receivers) =>
          receivers.length === 0 ? (
            <p class="quiet">{m.empty}</p>
          ) : (
            <ReceiverRows receivers={receivers} reload={loaded.reload} />
          )
        }
      </Shown>
      <NotifierForm
        onAdded={async (view) => {
          setAdded(view);
          await loaded.reload();
        }}
      />
    </Card>
  );
}

interface RowsProps {
  readonly receivers: readonly NotifierView[];
  readonly reload: () => Promise<void>;
}

function ReceiverRows({ receivers, reload }: RowsProps) {
  const m = messages.value.notifiers;
  const [asking, setAsking] = useState<string | null>(null);
  return (
    <>
      <ul class="rows">
        {receivers.map((receiver) => (
          <li key={receiver.name} class="row">
            <ReceiverRow receiver={receiver} reload={reload} onRemove={() => setAsking(receiver.name)} />
          </li>
        ))}
      </ul>
      {asking !== null && (
        <Confirm
          title={m.removeTitle(asking)}
          yes={m.remove}
          no={m.keep}
          danger
          onYes={async () => {
            await call('removeNotifier', { name: asking });
            tell(m.removed);
            await reload();
          }}
          onClose={() => setAsking(null)}
        >
          {m.removeText}
        </Confirm>
      )}
    </>
  );
}

interface RowProps {
  readonly receiver: NotifierView;
  readonly reload: () => Promise<void>;
  readonly onRemove: () => void;
}

function ReceiverRow({ receiver, reload, onRemove }: RowProps) {
  const m = messages.value.notifiers;
  const { name, kind, target, events, delivered, failed, lastDeliveredAtMs, error } = receiver;
  const isAll = events.length === NOTIFY_EVENTS.length;
  const test = async (): Promise<void> => {
    try {
      await call('testNotifier', { name });
      tell(m.tested(name));
    } finally {
      await reload();
    }
  };
  return (
    <div class="row-main">
      <span class="end">
        <strong>{name}</strong>
        <span class="path">
          {`${m.kinds[kind]} · ${target} · ${isAll ? m.allEvents : events.map((event) => m.eventNames[event]).join(', ')}`}
        </span>
        {error !== null && <Mark tone="bad">{error.message}</Mark>}
      </span>
      <div class="row-marks">
        <span>{m.delivered(delivered)}</span>
        {failed > 0 && <span>{m.failed(failed)}</span>}
        {lastDeliveredAtMs !== null && (
          <span>
            {`${m.last} `}
            <Time atMs={lastDeliveredAtMs} />
          </span>
        )}
        <Button label={`${m.test}: ${name}`} onPress={test}>
          {m.test}
        </Button>
        <Button label={`${m.remove}: ${name}`} onPress={onRemove}>
          {m.remove}
        </Button>
      </div>
    </div>
  );
}
