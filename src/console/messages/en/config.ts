export const config = {
  title: 'What the daemon is set to',
  lead: 'The same as “causeway config show”. A change is checked before it is stored.',
  file: 'Stored in',
  noFile: 'This daemon has no settings file: nothing can be changed here.',
  change: 'Change',
  value: 'Value',
  save: 'Check and store',
  reset: 'Use the default',
  saved: 'The setting is stored and in force',
  savedLater: 'The setting is stored, and in force once the daemon is started again',
  none: 'none',
  origins: { flag: 'From a flag', environment: 'From the environment', file: 'Changed', default: 'Default' },
  overridden: (from: string) =>
    `Comes from ${from}, which counts more than what is stored here. Change it where the daemon is started.`,
  next: (value: string) => `After a restart: ${value}`,
  needsRestart: 'A change is in force once the daemon is started again.',
  usual: (value: string) => `Default: ${value}`,
  names: {
    'agents.listenAddress': {
      title: 'Where agents dial in',
      why: 'HOST:PORT, or off: then this computer dials the machines.',
    },
    'audit.retentionDays': { title: 'How long audit records are kept', why: 'Days, 180 at least.' },
    'audit.shareReads': {
      title: 'Which reads of shared files are recorded',
      why: 'first: the first of each file and client in a minute. all: each. off: none.',
    },
    'copies.compress': {
      title: 'Compression of copies',
      why: 'auto: where the link is slower than compressing; off; or a level from 1 to 19.',
    },
    'copies.direct': {
      title: 'Copies without the link',
      why: 'Where both sides run on one machine. auto: where that is possible; always: others are refused; never.',
    },
    'copies.limitBytesPerSecond': {
      title: 'Speed limit of all copies',
      why: 'Bytes per second in each direction, or off.',
    },
    'copies.undo': {
      title: 'What copies keep for an undo',
      why: 'auto: as far as it can be; require: what cannot be kept is not replaced; off.',
    },
    'sessions.idleMinutes': {
      title: 'Sign people out who do nothing',
      why: 'After this many minutes, 1 to 10080.',
    },
    'sessions.lifeHours': {
      title: 'Sign people out in any case',
      why: 'After this many hours, 1 to 720.',
    },
    'shares.smbAddress': {
      title: 'Address of shares by SMB',
      why: 'IP:PORT, or off. For shares that are to be served by SMB too; always encrypted.',
    },
    'shares.address': {
      title: 'Where shares are served',
      why: 'HOST:PORT, or off. Beyond this computer always encrypted.',
    },
    'web.address': { title: 'Where this console is served', why: 'HOST:PORT, or off.' },
    'web.allowNetworks': {
      title: 'Networks that may connect',
      why: 'With commas, such as 192.168.7.0/24, as long as the list above is empty; none: from everywhere.',
    },
  },
};
