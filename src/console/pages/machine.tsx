import { useState } from 'preact/hooks';
import { formatBytes } from '../../base/units.ts';
import type { VmView } from '../../contract/schemas.ts';
import { call } from '../api/client.ts';
import { channelText, sentence } from '../format/jobs.ts';
import { Button, LinkButton } from '../parts/buttons.tsx';
import { Confirm } from '../parts/dialog.tsx';
import { JobRows } from '../parts/job_rows.tsx';
import { MachineMark } from '../parts/machine_rows.tsx';
import { Time } from '../parts/marks.tsx';
import { Card, Empty, Facts, Page } from '../parts/page.tsx';
import { Pairing } from '../parts/pairing.tsx';
import { Share } from '../parts/share.tsx';
import { machines, recentJobs, refresh, status } from '../state/daemon.ts';
import { messages } from '../state/language.ts';
import { tell } from '../state/notices.ts';
import { refusalOf } from '../state/rights.ts';
import { goTo, linkTo } from '../state/route.ts';

export function MachinePage({ name }: { readonly name: string }) {
  const { machines: m, shell } = messages.value;
  const above = { text: m.title, href: linkTo('machines') };
  const vm = machines.value.find((one) => one.name === name);
  if (status.value === null) return <Page title={name}>{shell.loading}</Page>;
  if (vm === undefined) {
    return (
      <Page title={name} above={above}>
        <Empty title={m.gone} text={shell.notFoundText} />
      </Page>
    );
  }
  const jobs = recentJobs.value.filter((job) => job.vm === name || job.fromVm === name);
  return (
    <Page title={name} above={above} actions={<Actions vm={vm} />}>
      {vm.error !== null && (
        <div class="callout bad">
          <strong>{sentence(vm.error.message)}</strong>
          <p>{sentence(vm.error.help)}</p>
        </div>
      )}
      {vm.endpoint.kind === 'listen' && vm.state === 'waiting' && <Pairing name={name} />}
      <Card title={m.state} aside={<MachineMark vm={vm} />}>
        <MachineFacts vm={vm} />
      </Card>
      <Share key={name} vm={vm} />
      <Card title={m.itsCopies}>
        {jobs.length === 0 ? <p class="quiet">{m.noCopies}</p> : <JobRows jobs={jobs} />}
      </Card>
    </Page>
  );
}

function Actions({ vm }: { readonly vm: VmView }) {
  const { name } = vm;
  const m = messages.value.machines;
  const [asking, setAsking] = useState(false);
  const remove = async (): Promise<void> => {
    await call('removeVm', { name });
    tell(m.removed(name));
    goTo('machines');
    await refresh();
  };
  return (
    <>
      {!vm.trustCarrier && vm.state === 'up' && <ChangeKey name={name} />}
      <Button refused={refusalOf('vm.remove')} onPress={() => setAsking(true)}>
        {m.remove}
      </Button>
      {refusalOf('job.start') === null && (
        <LinkButton kind="primary" href={linkTo('copy', name)}>
          {m.copyHere}
        </LinkButton>
      )}
      {asking && (
        <Confirm
          title={m.removeTitle(name)}
          yes={m.remove}
          no={m.keep}
          danger
          onYes={remove}
          onClose={() => setAsking(false)}
        >
          {m.removeText}
        </Confirm>
      )}
    </>
  );
}

/** Its agent makes a new key over the link that the former one has made. */
function ChangeKey({ name }: { readonly name: string }) {
  const m = messages.value.machines;
  const [asking, setAsking] = useState(false);
  const change = async (): Promise<void> => {
    await call('rotateVm', { name });
    tell(m.rotated(name));
    await refresh();
  };
  return (
    <>
      <Button refused={refusalOf('vm.rotate')} onPress={() => setAsking(true)}>
        {m.rotate}
      </Button>
      {asking && (
        <Confirm
          title={m.rotateTitle(name)}
          yes={m.rotate}
          no={m.cancel}
          onYes={change}
          onClose={() => setAsking(false)}
        >
          {m.rotateText}
        </Confirm>
      )}
    </>
  );
}

function MachineFacts({ vm }: { readonly vm: VmView }) {
  const { machines: m, units } = messages.value;
  const { peer } = vm;
  return (
    <Facts
      facts={[
        { name: m.channel, value: `${m.kinds[vm.endpoint.kind]} ${channelText(vm.endpoint)}` },
        { name: m.since, value: <Time atMs={vm.sinceMs} /> },
        vm.roundTripMs === null
          ? null
          : { name: m.trip, value: units.milliseconds(vm.roundTripMs.toFixed(1)) },
        { name: m.encryption, value: encryptionText(vm) },
        { name: m.traffic, value: `${formatBytes(vm.sentBytes)} · ${formatBytes(vm.receivedBytes)}` },
        vm.reconnects === 0 ? null : { name: m.reconnects, value: m.times(vm.reconnects) },
        vm.resentBytes === 0 ? null : { name: m.again, value: formatBytes(vm.resentBytes) },
        peer === null ? null : { name: m.system, value: `${peer.hostName}, ${peer.platform}` },
        peer === null ? null : { name: m.agent, value: m.agentVersion(peer.buildId, peer.protocolVersion) },
        { name: m.key, value: <span class="mono break">{vm.fingerprint ?? m.noKey}</span> },
        vm.nextFingerprint === null
          ? null
          : { name: m.nextKey, value: <span class="mono break">{vm.nextFingerprint}</span> },
        vm.hostKey === null || vm.hostKey.isCurrent || vm.hostKey.untilMs === null
          ? null
          : {
              name: m.hostKey,
              value: (
                <>
                  {m.formerKey} <Time atMs={vm.hostKey.untilMs} />
                </>
              ),
            },
      ]}
    />
  );
}

function encryptionText(vm: VmView): string {
  if (vm.trustCarrier) return messages.value.machines.plain;
  if (vm.tlsCipher === null) return messages.value.shell.none;
  return [vm.tlsCipher, vm.tlsGroup].filter((part) => part !== null).join(', ');
}
