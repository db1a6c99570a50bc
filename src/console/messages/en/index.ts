import { access } from './access.ts';
import { account } from './account.ts';
import { add } from './add.ts';
import { audit } from './audit.ts';
import { caches } from './caches.ts';
import { causes } from './causes.ts';
import { config } from './config.ts';
import { copy } from './copy.ts';
import { errors } from './errors.ts';
import { job } from './job.ts';
import { jobs } from './jobs.ts';
import { machines } from './machines.ts';
import { notifiers } from './notifiers.ts';
import { overview } from './overview.ts';
import { people } from './people.ts';
import { picker } from './picker.ts';
import { settings } from './settings.ts';
import { shell } from './shell.ts';
import { tokens } from './tokens.ts';
import { units } from './units.ts';
import { upload } from './upload.ts';

/** English, which says what every other language has to say, too. */
export const en = {
  shell,
  notifiers,
  overview,
  jobs,
  job,
  machines,
  caches,
  add,
  config,
  copy,
  access,
  account,
  people,
  tokens,
  audit,
  picker,
  settings,
  errors,
  causes,
  units,
  upload,
};

/** What a language needs: a message that is missing, or one too many, fails the type check. */
export type Messages = typeof en;
