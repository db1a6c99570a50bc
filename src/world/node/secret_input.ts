import { createInterface } from 'node:readline';
import { CausewayError } from '../../base/errors.ts';

const CTRL_C = '\u0003';
const BACKSPACES: ReadonlySet<string> = new Set(['\u007f', '\b']);
const ENDS: ReadonlySet<string> = new Set(['\r', '\n', '\u0004']);

/**
 * One line that somebody types: without echo at a terminal, else the next line of standard input, so that a secret needs
 * to stand in no argument. CW_CANCELLED on Ctrl-C, CW_USAGE where there is no line.
 */
export async function readSecretLine(prompt: string): Promise<string> {
  if (isTyped()) return readUnseen(prompt);
  const line = await nextLine();
  if (line === null) throw new CausewayError('CW_USAGE', `${prompt}: nothing on standard input`);
  return line;
}

/** Whether standard input is a terminal: somebody may mistype there. */
export function isTyped(): boolean {
  return process.stdin.isTTY === true;
}

let lines: AsyncIterator<string> | null = null;

async function nextLine(): Promise<string | null> {
  lines ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const { value, done } = await lines.next();
  return done === true ? null : value;
}

function readUnseen(prompt: string): Promise<string> {
  const { stdin, stderr } = process;
  stderr.write(`${prompt}: `);
  stdin.setRawMode(true);
  stdin.setEncoding('utf8');
  stdin.resume();
  return new Promise((resolve, reject) => {
    let text = '';
    const end = (settle: () => void) => {
      stdin.off('data', onData);
      stdin.setRawMode(false);
      stdin.pause();
      stderr.write('\n');
      settle();
    };
    const onData = (piece: string) => {
      for (const character of piece) {
        if (character === CTRL_C)
          return end(() => reject(new CausewayError('CW_CANCELLED', 'nothing was changed')));
        if (ENDS.has(character)) return end(() => resolve(text));
        text = BACKSPACES.has(character) ? [...text].slice(0, -1).join('') : text + character;
      }
    };
    stdin.on('data', onData);
  });
}
