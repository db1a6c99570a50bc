// docs/config.md, generated from the table of settings.
import { showSetting } from '../src/config/setting_text.ts';
import { SETTING_NAMES, settingOf, variableOf } from '../src/config/settings.ts';

const HEAD = `# Settings of the daemon

\`causeway up\` reads \`config.yaml\` in the data directory, or the file that \`--config FILE\` or \`CAUSEWAY_CONFIG\` names. Where a setting is given more than once, the first of these counts: the flag, the variable of the environment, the file, the default. A file with a mistake is refused with the line and column of every one; a daemon that runs keeps the settings it has.

- \`causeway config show --origin\`: all settings, and where each value comes from; \`config get NAME\`: one of them.
- \`causeway config set NAME VALUE\`: changes the file, whose comments stay, in one step. A running daemon takes over what applies at once and says what needs a restart. \`config unset NAME\` takes it out.
- \`causeway config check [FILE]\`: looks for mistakes; exit code 2 where there are any.
- \`causeway config reload\`, or SIGHUP to a daemon without a terminal: reads the file again.

The file is YAML 1.2: sections, and settings in them. Anchors, aliases and tags are not taken.

\`\`\`yaml
web:
  address: 0.0.0.0:7410
  allowNetworks: [192.168.7.0/24]
sessions:
  idleMinutes: 30 # signed out after half an hour
\`\`\`

This page is generated from \`src/config/settings.ts\` by \`npm run docs\`.
`;

function section(name: (typeof SETTING_NAMES)[number]): string {
  const { takes, why, applies, flag, default: usual } = settingOf(name);
  const ways = [`\`${variableOf(name)}\``, ...(flag === null ? [] : [`\`${flag}\` of \`causeway up\``])];
  return [
    `## \`${name}\``,
    '',
    why,
    '',
    `- takes: ${takes}`,
    `- default: \`${showSetting(usual)}\``,
    `- a change applies: ${applies === 'at once' ? 'at once' : 'at the next start'}`,
    `- also: ${ways.join(', ')}`,
    '',
  ].join('\n');
}

/** Text of docs/config.md. */
export function configDocument(): string {
  return `${HEAD}\n${SETTING_NAMES.map(section).join('\n')}`;
}
