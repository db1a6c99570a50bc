import { joinRel, parseName, type RelPath, splitRel } from '../../base/path.ts';

const NAME_MAX_BYTES = 255;

/** The name beside `path` for what cannot have it: `report.conflict-1.txt`. */
export function asidePath(path: RelPath, number: number): RelPath {
  const { parent, name } = splitRel(path);
  const dot = name.lastIndexOf('.');
  const [stem, ending] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
  const mark = `.conflict-${number}`;
  const end = Buffer.byteLength(mark + ending) < NAME_MAX_BYTES / 2 ? mark + ending : mark;
  return joinRel(parent, parseName(shortened(stem, NAME_MAX_BYTES - Buffer.byteLength(end)) + end));
}

function shortened(text: string, maxBytes: number): string {
  let kept = text;
  while (Buffer.byteLength(kept) > maxBytes) kept = [...kept].slice(0, -1).join('');
  return kept;
}
