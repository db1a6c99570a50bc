import { useState } from 'preact/hooks';
import { ApiError } from '../api/errors.ts';
import { Submit } from '../parts/buttons.tsx';
import { Form, TextField } from '../parts/form.tsx';
import { Gate } from '../parts/gate.tsx';
import { messages } from '../state/language.ts';
import { logIn } from '../state/session.ts';

export function SignInPage() {
  const m = messages.value.access;
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [code, setCode] = useState('');
  const [needsCode, setNeedsCode] = useState(false);
  const [checked, setChecked] = useState(false);
  const submit = async (): Promise<void> => {
    try {
      await logIn({ name: name.trim(), password, ...(code.trim() === '' ? {} : { code: code.trim() }) });
    } catch (failure) {
      const isMissing = failure instanceof ApiError && failure.code === 'CW_AUTH_SECOND_FACTOR';
      if (!isMissing) throw failure;
      setNeedsCode(true);
      setChecked(false);
    }
  };
  return (
    <Gate title={m.signIn}>
      <Form
        label={m.signIn}
        check={() => {
          setChecked(true);
          return name.trim() !== '' && password !== '' && (!needsCode || code.trim() !== '');
        }}
        onSubmit={submit}
      >
        {(running) => (
          <>
            <TextField
              label={m.name}
              value={name}
              onChange={setName}
              autocomplete="username"
              error={checked && name.trim() === '' ? m.needName : null}
            />
            <TextField
              label={m.password}
              type="password"
              value={password}
              onChange={setPassword}
              autocomplete="current-password"
              error={checked && password === '' ? m.needPassword : null}
            />
            <div role="status">{needsCode && <p class="callout">{m.codeNeeded}</p>}</div>
            {needsCode && (
              <TextField
                label={m.code}
                value={code}
                onChange={setCode}
                autocomplete="one-time-code"
                help={m.codeHelp}
                error={checked && code.trim() === '' ? m.needCode : null}
              />
            )}
            <Submit running={running}>{m.signIn}</Submit>
          </>
        )}
      </Form>
      <p class="help">{m.noAccount}</p>
    </Gate>
  );
}
