import type { Command } from 'commander';
import { CausewayError } from '../../base/errors.ts';
import type { Action } from '../program.ts';

/** `causeway completion SHELL`: a script made from the commands themselves. */
export function completion(program: Command): Action {
  return async ({ terminal }, [shell = '']) => {
    const words = wordsOf(program, '');
    const script = { bash, zsh, fish }[shell as 'bash' | 'zsh' | 'fish'];
    if (!script) throw new CausewayError('CW_USAGE', `${shell} is none of bash, zsh, fish`);
    terminal.out(script(words));
    return 0;
  };
}

/** For each chain of commands (`vm add`) what can follow it. */
type Words = readonly (readonly [chain: string, next: readonly string[]])[];

function wordsOf(command: Command, chain: string): Words {
  const flags = command.options
    .map((option) => option.long)
    .filter((flag) => flag !== null && flag !== undefined);
  const next = [...command.commands.map((child) => child.name()), ...flags, '--help'];
  return [
    [chain, next],
    ...command.commands.flatMap((child) => wordsOf(child, `${chain} ${child.name()}`.trim())),
  ];
}

function bash(words: Words): string {
  const cases = words.map(([chain, next]) => `    "${chain}") words="${next.join(' ')}" ;;`).join('\n');
  return `_causeway() {
  local chain="" word words=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in -*) ;; *) chain="\${chain:+$chain }$word" ;; esac
  done
  case $chain in
${cases}
    *) words="" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
  [ \${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o filenames -F _causeway causeway
`;
}

function zsh(words: Words): string {
  return `autoload -U +X bashcompinit && bashcompinit\n${bash(words)}`;
}

function fish(words: Words): string {
  const lines = words.flatMap(([chain, next]) => {
    const condition =
      chain === '' ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${chain.split(' ').at(-1)}`;
    return next.map((word) =>
      word.startsWith('--')
        ? `complete -c causeway -n '${condition}' -l ${word.slice(2)}`
        : `complete -c causeway -n '${condition}' -a ${word}`,
    );
  });
  return `${lines.join('\n')}\n`;
}
