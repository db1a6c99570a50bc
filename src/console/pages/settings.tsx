import { formatBytes } from '../../base/units.ts';
import { durationText, speedText } from '../format/amounts.ts';
import { AllowList } from '../parts/allow_list.tsx';
import { Choices } from '../parts/choices.tsx';
import { ConfigCard } from '../parts/config_card.tsx';
import { Notifiers } from '../parts/notifiers.tsx';
import { Card, Facts, Page } from '../parts/page.tsx';
import { status } from '../state/daemon.ts';
import { LANGUAGES, type Language, language, messages, setLanguage } from '../state/language.ts';
import { may } from '../state/rights.ts';
import { setTheme, THEMES, theme } from '../state/theme.ts';

export function SettingsPage() {
  const m = messages.value.settings;
  return (
    <Page title={m.title}>
      <Card title={m.look} lead={m.lookText}>
        <Choices
          label={m.language}
          inline
          value={language.value}
          onChange={setLanguage}
          options={Object.entries(LANGUAGES).map(([value, text]) => ({ value: value as Language, text }))}
        />
        <Choices
          label={m.theme}
          inline
          value={theme.value}
          onChange={setTheme}
          options={THEMES.map((value) => ({ value, text: m.themes[value] }))}
        />
      </Card>
      <Card title={m.daemon}>
        <DaemonFacts />
      </Card>
      {may('settings.read') && <AllowList />}
      {may('settings.change') && <ConfigCard />}
      {may('notify.read') && <Notifiers />}
    </Page>
  );
}

function DaemonFacts() {
  const { settings: m, shell, units } = messages.value;
  const view = status.value;
  if (view === null) return <p class="quiet">{shell.loading}</p>;
  const limit = view.limitBytesPerSecond;
  return (
    <Facts
      facts={[
        { name: m.version, value: view.version },
        { name: m.protocol, value: String(view.protocolVersion) },
        { name: m.uptime, value: durationText(view.uptimeMs, units) },
        { name: m.pid, value: String(view.pid) },
        { name: m.data, value: <span class="mono break">{view.dataDirectory}</span> },
        { name: m.listen, value: view.listen ?? m.notListening },
        { name: m.limit, value: limit === null ? m.noLimit : speedText(limit, units) },
        { name: m.memory, value: formatBytes(view.residentBytes) },
        { name: m.memoryPeak, value: formatBytes(view.peakResidentBytes) },
        view.web === null
          ? null
          : {
              name: m.certificate,
              value: <span class="mono break">{view.web.certificateFingerprint}</span>,
            },
        { name: m.key, value: <span class="mono break">{view.fingerprint}</span> },
      ]}
    />
  );
}
