import { useState } from 'preact/hooks';
import { call, type Result } from '../api/client.ts';
import { LinkButton, Submit } from '../parts/buttons.tsx';
import { Form, TextField } from '../parts/form.tsx';
import { Gate } from '../parts/gate.tsx';
import { Shown, useLoaded } from '../parts/loaded.tsx';
import { isPasswordReady, NewPassword, NO_PASSWORD } from '../parts/new_password.tsx';
import { messages } from '../state/language.ts';
import { linkTo, replaceWith } from '../state/route.ts';
import { logIn } from '../state/session.ts';

type Link = Result<'lookLink'>;

/** What a one-time link leads to: the first account, or a password for an account that there is. */
export function WelcomePage({ link }: { readonly link: string }) {
  const { access: m, shell } = messages.value;
  const loaded = useLoaded(() => call('lookLink', {}, { link }));
  if (loaded.failure !== null) {
    return (
      <Gate title={m.linkUsed}>
        <p>{m.linkUsedText}</p>
        <LinkButton href={linkTo()}>{m.toSignIn}</LinkButton>
      </Gate>
    );
  }
  const { value } = loaded;
  const title =
    value === null ? shell.loading : value.kind === 'first' ? m.welcome : m.setPassword(value.name ?? '');
  return (
    <Gate title={title}>
      <Shown loaded={loaded}>{(view) => <ChooseForm link={link} view={view} />}</Shown>
    </Gate>
  );
}

function ChooseForm({ link, view }: { readonly link: string; readonly view: Link }) {
  const m = messages.value.access;
  const isFirst = view.kind === 'first';
  const [name, setName] = useState('');
  const [draft, setDraft] = useState(NO_PASSWORD);
  const [checked, setChecked] = useState(false);
  const submit = async (): Promise<void> => {
    const { password } = draft;
    const made = await call('redeemLink', {}, { link, password, ...(isFirst ? { name: name.trim() } : {}) });
    // The link has done its work: neither the address nor the history keeps it.
    replaceWith();
    await logIn({ name: made.name, password });
  };
  return (
    <>
      <p class="lead">{isFirst ? m.welcomeText : m.setPasswordText}</p>
      <Form
        label={isFirst ? m.create : m.choosePassword}
        check={() => {
          setChecked(true);
          return (!isFirst || name.trim() !== '') && isPasswordReady(draft);
        }}
        onSubmit={submit}
      >
        {(running) => (
          <>
            {isFirst && (
              <TextField
                label={m.name}
                value={name}
                onChange={setName}
                autocomplete="username"
                help={m.nameHelp}
                error={checked && name.trim() === '' ? m.needName : null}
              />
            )}
            <NewPassword draft={draft} set={setDraft} checked={checked} />
            <Submit running={running}>{isFirst ? m.create : messages.value.shell.save}</Submit>
          </>
        )}
      </Form>
    </>
  );
}
