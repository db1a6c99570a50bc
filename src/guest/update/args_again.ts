/**
 * The arguments for a start in place of this one: the address that is in use, no token, which is used up, and no
 * descriptor to tell on, which was told.
 */
export function argsAgain(args: readonly string[], listeningOn: string | null): string[] {
  const again: string[] = [];
  for (let at = 0; at < args.length; at += 1) {
    const [name = '', value] = splitOption(args[at] as string);
    const valued = VALUED.includes(name);
    const taken = valued && value === undefined ? args[at + 1] : value;
    if (valued && value === undefined) at += 1;
    if (!valued) again.push(args[at] as string);
    else if (name === '--listen') again.push(name, listeningOn ?? taken ?? '');
    else if (name !== '--ready-fd' && name !== '--token') again.push(name, taken ?? '');
  }
  return again;
}

const VALUED = [
  '--serial',
  '--tcp',
  '--token',
  '--listen',
  '--unix',
  '--data',
  '--ready-fd',
  '--trial-seconds',
];

function splitOption(word: string): [string, string?] {
  const cut = word.indexOf('=');
  return word.startsWith('--') && cut > 0 ? [word.slice(0, cut), word.slice(cut + 1)] : [word];
}
