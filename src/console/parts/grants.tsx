import type { GrantBody, UserView } from '../../contract/identity_schemas.ts';
import { messages } from '../state/language.ts';
import { Choices } from './choices.tsx';
import { LinesField } from './form.tsx';

type Role = GrantBody['role'];
const ROLES = ['viewer', 'operator', 'admin'] as const;

export function roleText({ role }: Pick<UserView, 'role'>): string {
  const m = messages.value.people;
  return role === null ? m.noRole : m.roles[role];
}

/** What the grants reach, in a few words. */
export function scopesText(grants: readonly GrantBody[]): string {
  const m = messages.value.people;
  const scopes = [...new Set(grants.flatMap((grant) => grant.scopes))];
  return scopes.includes('*') ? m.everything : scopes.join(', ') || messages.value.shell.none;
}

/** One role with its limits, as it is edited. */
export interface GrantDraft {
  readonly role: Role;
  /** One a line. */
  readonly scopes: string;
}

export const DEFAULT_GRANT: GrantDraft = { role: 'viewer', scopes: '*' };

export function grantOf({ role, scopes }: GrantDraft): GrantBody {
  return { role, scopes: linesOf(scopes) };
}

export function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

interface GrantFieldsProps {
  readonly draft: GrantDraft;
  readonly set: (draft: GrantDraft) => void;
}

export function GrantFields({ draft, set }: GrantFieldsProps) {
  const m = messages.value.people;
  return (
    <>
      <Choices
        label={m.role}
        value={draft.role}
        onChange={(role) => set({ ...draft, role })}
        options={ROLES.map((value) => ({ value, text: m.roles[value], help: m.roleHelp[value] }))}
      />
      <LinesField
        label={m.scopes}
        help={m.scopesHelp}
        value={draft.scopes}
        onChange={(value) => set({ ...draft, scopes: value })}
      />
    </>
  );
}
