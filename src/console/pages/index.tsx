import type { ComponentChildren } from 'preact';
import { route } from '../state/route.ts';
import { AccountPage } from './account.tsx';
import { AddMachinePage } from './add_machine.tsx';
import { AddPersonPage } from './add_person.tsx';
import { AuditPage } from './audit.tsx';
import { CachesPage } from './caches.tsx';
import { CopyPage } from './copy.tsx';
import { JobPage } from './job.tsx';
import { JobsPage } from './jobs.tsx';
import { MachinePage } from './machine.tsx';
import { MachinesPage } from './machines.tsx';
import { NotFoundPage } from './not_found.tsx';
import { OverviewPage } from './overview.tsx';
import { PeoplePage } from './people.tsx';
import { PersonPage } from './person.tsx';
import { SettingsPage } from './settings.tsx';
import { TokensPage } from './tokens.tsx';

/** What the address shows. The key makes a page anew for another address: its focus and its fields begin afresh. */
export function CurrentPage() {
  const words = route.value;
  return <div key={words.join('/')}>{pageOf(words)}</div>;
}

function pageOf([area, name, ...rest]: readonly string[]): ComponentChildren {
  if (rest.length > 0) return <NotFoundPage />;
  switch (area) {
    case undefined:
      return <OverviewPage />;
    case 'caches':
      return name === undefined ? <CachesPage /> : <NotFoundPage />;
    case 'copy':
      return <CopyPage machine={name} />;
    case 'jobs':
      return name === undefined ? <JobsPage /> : <JobPage id={name} />;
    case 'machines':
      if (name === undefined) return <MachinesPage />;
      return name === 'add' ? <AddMachinePage /> : <MachinePage name={name} />;
    case 'people':
      if (name === undefined) return <PeoplePage />;
      return name === 'add' ? <AddPersonPage /> : <PersonPage name={name} />;
    case 'settings':
      return name === undefined ? <SettingsPage /> : <NotFoundPage />;
    case 'tokens':
      return name === undefined ? <TokensPage /> : <NotFoundPage />;
    case 'audit':
      return name === undefined ? <AuditPage /> : <NotFoundPage />;
    case 'account':
      return name === undefined ? <AccountPage /> : <NotFoundPage />;
    default:
      return <NotFoundPage />;
  }
}
