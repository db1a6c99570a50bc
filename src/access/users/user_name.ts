import { CausewayError } from '../../base/errors.ts';

const FORM = /^[a-z0-9][a-z0-9._@-]{0,63}$/;

/** The name as it is stored: lower case, so that no two users differ by case only. CW_USER_NAME. */
export function parseUserName(text: string): string {
  const name = text.trim().toLowerCase();
  if (!FORM.test(name)) throw new CausewayError('CW_USER_NAME', `${JSON.stringify(text)} is no user name`);
  return name;
}
