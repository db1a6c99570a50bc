import { LinkButton } from '../parts/buttons.tsx';
import { FoundMachines } from '../parts/found_machines.tsx';
import { MachineRows } from '../parts/machine_rows.tsx';
import { Card, Empty, Page } from '../parts/page.tsx';
import { machines, status } from '../state/daemon.ts';
import { messages } from '../state/language.ts';
import { may, refusalOf } from '../state/rights.ts';
import { linkTo } from '../state/route.ts';

export function MachinesPage() {
  const { machines: m, shell } = messages.value;
  const add = refusalOf('vm.add') === null && (
    <LinkButton kind="primary" href={linkTo('machines', 'add')}>
      {m.add}
    </LinkButton>
  );
  if (status.value === null) return <Page title={m.title}>{shell.loading}</Page>;
  return (
    <Page title={m.title} lead={m.lead} actions={machines.value.length > 0 ? add : null}>
      {machines.value.length === 0 ? (
        <Empty title={m.emptyTitle} text={m.emptyText}>
          {add}
        </Empty>
      ) : (
        <Card title={m.title}>
          <MachineRows machines={machines.value} />
        </Card>
      )}
      {may('vm.discover') && <FoundMachines />}
    </Page>
  );
}
