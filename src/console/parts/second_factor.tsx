import { useState } from 'preact/hooks';
import type { MeView, TotpView } from '../../contract/identity_schemas.ts';
import { call } from '../api/client.ts';
import { messages } from '../state/language.ts';
import { tell } from '../state/notices.ts';
import { loadMe, signedOut } from '../state/session.ts';
import { Button, Submit } from './buttons.tsx';
import { CopyText } from './copy_text.tsx';
import { Form, TextField } from './form.tsx';
import { Mark } from './marks.tsx';
import { Card } from './page.tsx';

/** Turns the second factor of the own account on and off. */
export function SecondFactor({ who }: { readonly who: MeView }) {
  const m = messages.value.account;
  const [shown, setShown] = useState<TotpView | null>(null);
  const [codes, setCodes] = useState<readonly string[] | null>(null);
  if (codes !== null) {
    return (
      <RecoveryCodes
        codes={codes}
        onKept={async () => {
          setCodes(null);
          setShown(null);
          // Turning it on has ended every session; where this one goes on, the page says so.
          await loadMe();
        }}
      />
    );
  }
  return (
    <Card
      title={m.factor}
      lead={m.factorText}
      aside={<Mark tone={who.totp ? 'good' : 'quiet'}>{who.totp ? m.factorOn : m.factorOff}</Mark>}
    >
      {who.totp && <FactorOn who={who} onCodes={setCodes} />}
      {!who.totp && shown === null && (
        <Button kind="primary" onPress={async () => setShown(await call('beginTotp', {}, {}))}>
          {m.begin}
        </Button>
      )}
      {!who.totp && shown !== null && <Enrol shown={shown} onCodes={setCodes} />}
    </Card>
  );
}

type OnCodes = (codes: readonly string[]) => void;

function Enrol({ shown, onCodes }: { readonly shown: TotpView; readonly onCodes: OnCodes }) {
  const m = messages.value.account;
  const [code, setCode] = useState('');
  return (
    <div class="enrol">
      <img
        class="qr"
        src={`data:image/svg+xml,${encodeURIComponent(shown.qrSvg)}`}
        alt={m.qr}
        width={208}
        height={208}
      />
      <div class="enrol-text">
        <p>{m.scan}</p>
        <p class="quiet">{m.typeIn}</p>
        <CopyText text={shown.secret} label={m.typeIn} />
        <Form
          label={m.confirm}
          onSubmit={async () => onCodes((await call('confirmTotp', {}, { code: code.trim() })).codes)}
        >
          {(running) => (
            <div class="in-line">
              <TextField
                label={m.code}
                value={code}
                onChange={setCode}
                autocomplete="one-time-code"
                entry="numeric"
                help={m.codeHelp}
              />
              <Submit running={running}>{m.confirm}</Submit>
            </div>
          )}
        </Form>
      </div>
    </div>
  );
}

interface RecoveryCodesProps {
  readonly codes: readonly string[];
  readonly onKept: () => Promise<void>;
}

function RecoveryCodes({ codes, onKept }: RecoveryCodesProps) {
  const m = messages.value.account;
  return (
    <Card title={m.codesTitle} lead={m.codesText}>
      <ul class="codes">
        {codes.map((code) => (
          <li key={code}>
            <code>{code}</code>
          </li>
        ))}
      </ul>
      <div class="actions">
        <Button onPress={() => navigator.clipboard.writeText(codes.join('\n'))}>
          {messages.value.shell.copyText}
        </Button>
        <Button kind="primary" onPress={onKept}>
          {m.codesKept}
        </Button>
      </div>
    </Card>
  );
}

function FactorOn({ who, onCodes }: { readonly who: MeView; readonly onCodes: OnCodes }) {
  const m = messages.value.account;
  const [code, setCode] = useState('');
  return (
    <Form
      label={m.turnOff}
      onSubmit={async () => {
        await call('clearTotp', {}, { code: code.trim() });
        tell(m.off);
        signedOut();
      }}
    >
      {(running) => (
        <>
          <p>{m.codesLeft(who.recoveryCodesLeft)}</p>
          <div class="narrow">
            <TextField label={m.codeForOff} value={code} onChange={setCode} autocomplete="one-time-code" />
          </div>
          <div class="actions">
            <Button
              onPress={async () => onCodes((await call('renewRecovery', {}, { code: code.trim() })).codes)}
            >
              {m.newCodes}
            </Button>
            <Submit running={running}>{m.turnOff}</Submit>
          </div>
        </>
      )}
    </Form>
  );
}
