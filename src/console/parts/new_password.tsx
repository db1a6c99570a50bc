import { messages } from '../state/language.ts';
import { TextField } from './form.tsx';

const CHARACTERS_MIN = 12;

export interface PasswordDraft {
  readonly password: string;
  readonly repeat: string;
}

export const NO_PASSWORD: PasswordDraft = { password: '', repeat: '' };

export function isPasswordReady({ password, repeat }: PasswordDraft): boolean {
  return [...password].length >= CHARACTERS_MIN && password === repeat;
}

interface NewPasswordProps {
  readonly draft: PasswordDraft;
  readonly set: (draft: PasswordDraft) => void;
  /** Tell what is not right. */
  readonly checked: boolean;
}

/** A new password, twice. */
export function NewPassword({ draft, set, checked }: NewPasswordProps) {
  const m = messages.value.access;
  const isShort = [...draft.password].length < CHARACTERS_MIN;
  return (
    <>
      <TextField
        label={m.newPassword}
        type="password"
        autocomplete="new-password"
        value={draft.password}
        onChange={(password) => set({ ...draft, password })}
        help={m.passwordHelp}
        error={checked && isShort ? m.passwordShort : null}
      />
      <TextField
        label={m.repeat}
        type="password"
        autocomplete="new-password"
        value={draft.repeat}
        onChange={(repeat) => set({ ...draft, repeat })}
        error={checked && !isShort && draft.password !== draft.repeat ? m.repeatBad : null}
      />
    </>
  );
}
