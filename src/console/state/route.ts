import { signal } from '@preact/signals';

/** Where the page is: the words behind `#/`, each decoded; `#/jobs/1a2b` is `['jobs', '1a2b']`. */
export const route = signal<readonly string[]>(wordsOf(location.hash));

addEventListener('hashchange', () => {
  route.value = wordsOf(location.hash);
});

/** The address of a page for a link. */
export function linkTo(...words: readonly string[]): string {
  return `#/${words.map(encodeURIComponent).join('/')}`;
}

export function goTo(...words: readonly string[]): void {
  location.hash = linkTo(...words);
}

/** Takes what is secret out of the address and the history. */
export function replaceWith(...words: readonly string[]): void {
  history.replaceState(null, '', linkTo(...words));
  route.value = words;
}

function wordsOf(hash: string): string[] {
  return hash
    .replace(/^#\/?/, '')
    .split('/')
    .filter((word) => word !== '')
    .map(decoded);
}

function decoded(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    return word; // mistyped by hand: it will name nothing
  }
}
