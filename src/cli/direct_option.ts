import { CausewayError } from '../base/errors.ts';
import { formatBytes } from '../base/units.ts';
import type { JobView, StartJobRequest } from '../contract/schemas.ts';

/** What `--direct` asks for. */
export function directOption(text: unknown): Pick<StartJobRequest, 'direct'> {
  if (text === undefined) return {};
  if (text === 'auto' || text === 'always' || text === 'never') return { direct: text };
  throw new CausewayError('CW_USAGE', `--direct ${String(text)}: it is auto, always or never`);
}

/** `1.0 GiB by copy_file_range (2 files), 3.0 MiB by direct (40 files)`; null where nothing was copied so. */
export function directText({ direct }: JobView): string | null {
  if (!direct || direct.methods.length === 0) return null;
  return direct.methods
    .map(({ method, files, bytes }) => `${formatBytes(bytes)} by ${method}${filesText(files)}`)
    .join(', ');
}

/** A file counts for the way by which most of it was copied: another one may have none. */
function filesText(files: number): string {
  return files === 0 ? '' : ` (${files} ${files === 1 ? 'file' : 'files'})`;
}

/** The same, or why it was not; null where nobody asked for it. */
export function directDetails(job: JobView): string | null {
  const { direct } = job;
  if (!direct) return null;
  const how = directText(job);
  if (how === null) return direct.why === null ? null : `no: ${direct.why}`;
  if (direct.backFiles === 0) return how;
  return `${how}; ${direct.backFiles} over the link after all${direct.why === null ? '' : `: ${direct.why}`}`;
}
