import { DavFailure } from './failure.ts';

/** A condition of an If header: `value` is a state token without its brackets, or an entity tag with its quotes. */
export interface IfCondition {
  readonly not: boolean;
  readonly kind: 'token' | 'etag';
  readonly value: string;
}

/** A list of conditions that all have to hold; `resource` is the URL it is about, null for that of the request. */
export interface IfList {
  readonly resource: string | null;
  readonly conditions: readonly IfCondition[];
}

const TOKEN = /\s*(?:<([^<>]*)>|\[((?:W\/)?"[^"]*")\]|(\()|(\))|(not)(?=[\s<[]))/iy;

/** The If header of RFC 4918 section 10.4. No list for no header; 400 where it cannot be read. */
export function parseIf(header: string | null): IfList[] {
  if (header === null) return [];
  const lists: IfList[] = [];
  let resource: string | null = null;
  let conditions: IfCondition[] | null = null;
  let not = false;
  TOKEN.lastIndex = 0;
  let at = 0;
  for (const text = header.trimEnd(); at < text.length; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(text);
    if (found === null) throw malformed();
    const [, bracketed, etag, opens, closes, negates] = found;
    if (conditions === null) {
      if (bracketed !== undefined) resource = bracketed;
      else if (opens) conditions = [];
      else throw malformed();
    } else if (bracketed !== undefined || etag !== undefined) {
      conditions.push({ not, kind: etag === undefined ? 'token' : 'etag', value: etag ?? bracketed ?? '' });
      not = false;
    } else if (negates && !not) not = true;
    else if (closes && !not && conditions.length > 0) {
      lists.push({ resource, conditions });
      conditions = null;
    } else throw malformed();
  }
  if (conditions !== null || lists.length === 0) throw malformed();
  return lists;
}

function malformed(): DavFailure {
  return new DavFailure(400, 'the header If cannot be read');
}

/** Every lock token that the header names: the client says that it knows them. */
export function tokensOf(lists: readonly IfList[]): Set<string> {
  const tokens = new Set<string>();
  for (const { conditions } of lists)
    for (const { kind, value } of conditions) if (kind === 'token') tokens.add(value);
  return tokens;
}
