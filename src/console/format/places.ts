/** One step of the way to a folder. */
export interface Crumb {
  readonly text: string;
  readonly path: string;
}

/** The way from the place where one began to a folder in it, that place first. */
export function crumbsOf(base: string, path: string): Crumb[] {
  const crumbs = [{ text: base, path: base }];
  const rest = base === '/' ? path.slice(1) : path.slice(base.length + 1);
  let at = base === '/' ? '' : base;
  for (const name of rest.split('/').filter((part) => part !== '')) {
    at = `${at}/${name}`;
    crumbs.push({ text: name, path: at });
  }
  return crumbs;
}

/** The paths of a copy with those that were chosen, each once; rows that nobody has filled make room. */
export function withChosen(sources: readonly string[], chosen: readonly string[]): string[] {
  const kept = sources.filter((path) => path.trim() !== '');
  return [...new Set([...kept, ...chosen])];
}

/** The folder as a destination that the copy goes into. */
export function asDestination(folder: string): string {
  return folder.endsWith('/') ? folder : `${folder}/`;
}
