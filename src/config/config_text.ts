import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseDocument,
} from 'yaml';
import { LIMITS } from '../base/limits.ts';
import { nearestName } from './nearest_name.ts';
import { fits, neededText, unknownText } from './setting_text.ts';
import { isSettingName, SETTING_NAMES, type SettingName } from './settings.ts';

/** What is wrong with a config file, and where; lines and columns from 1. */
export interface ConfigProblem {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** One value of a config file. */
export interface ConfigEntry {
  readonly value: unknown;
  readonly line: number;
  readonly column: number;
}

export interface ConfigContent {
  readonly entries: ReadonlyMap<SettingName, ConfigEntry>;
  /** Empty where the file may be used. */
  readonly problems: readonly ConfigProblem[];
}

/** What no schema says of a value: why it cannot be, or null. */
export type ValueCheck = (name: SettingName, value: unknown) => string | null;

/**
 * Reads the text of a config file (YAML 1.2, without anchors, tags and further documents): sections, and in each the
 * settings of that section. Every problem is told, up to a limit.
 */
export function parseConfigText(text: string, check: ValueCheck = () => null): ConfigContent {
  const reader = new ConfigReader(text, check);
  reader.read();
  return { entries: reader.entries, problems: reader.problems };
}

/** `config.yaml:3:5: what is wrong`, one a line. */
export function problemLines(file: string, problems: readonly ConfigProblem[]): string[] {
  return problems.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`);
}

class ConfigReader {
  readonly entries = new Map<SettingName, ConfigEntry>();
  readonly problems: ConfigProblem[] = [];
  readonly #text: string;
  readonly #check: ValueCheck;
  readonly #lines = new LineCounter();

  constructor(text: string, check: ValueCheck) {
    this.#text = text;
    this.#check = check;
  }

  read(): void {
    const document = parseDocument(this.#text, {
      lineCounter: this.#lines,
      version: '1.2',
      schema: 'core',
      prettyErrors: false,
      logLevel: 'error',
    });
    for (const { pos, message } of [...document.errors, ...document.warnings]) this.#say(pos[0], message);
    if (this.problems.length === 0 && document.contents !== null) this.#sections(document.contents);
  }

  #sections(top: ParsedNode): void {
    if (isScalar(top) && top.value === null) return; // comments only
    for (const { name, at, value } of this.#members(top, 'the file')) {
      const inside = SETTING_NAMES.filter((one) => one.startsWith(`${name}.`));
      if (inside.length === 0) this.#say(at, this.#unknownSection(name));
      else if (value !== null && !(isScalar(value) && value.value === null)) this.#settings(name, value);
    }
  }

  #settings(section: string, node: Node): void {
    for (const { name, at, value } of this.#members(node, section)) {
      const full = `${section}.${name}`;
      if (isSettingName(full)) this.#setting(full, at, value);
      else this.#say(at, unknownText(full));
    }
  }

  #setting(name: SettingName, at: number, node: Node | null): void {
    const valueAt = node?.range?.[0] ?? at;
    if (hasAnchor(node)) return this.#say(valueAt, `${name}: anchors, aliases and tags are not taken`);
    const value = plainOf(node);
    const why = fits(name, value) ? this.#check(name, value) : neededText(name);
    if (why !== null) return this.#say(valueAt, `${name}: ${why}`);
    const { line, col } = this.#lines.linePos(at);
    this.entries.set(name, { value, line, column: col });
  }

  /** The members of a map, or none and a problem for what is no map. */
  #members(node: Node, what: string): { name: string; at: number; value: Node | null }[] {
    if (!isMap(node)) {
      this.#say(node.range?.[0] ?? 0, `${what}: names with values are needed, such as \`address: off\``);
      return [];
    }
    if (hasAnchor(node)) this.#say(node.range?.[0] ?? 0, `${what}: anchors, aliases and tags are not taken`);
    return node.items.flatMap(({ key, value }) => {
      const at = (key as Node).range?.[0] ?? 0;
      if (isScalar(key) && typeof key.value === 'string')
        return [{ name: key.value, at, value: (value ?? null) as Node | null }];
      this.#say(at, `${what}: a name is needed here`);
      return [];
    });
  }

  #unknownSection(name: string): string {
    const sections = [...new Set(SETTING_NAMES.map((one) => one.split('.')[0]!))];
    if (name.includes('.') && isSettingName(name)) {
      const [section, key] = name.split('.');
      return `write it in two lines: \`${section}:\`, and below it, indented, \`${key}: …\``;
    }
    const nearest = nearestName(name, sections);
    const further = nearest === null ? `there are ${sections.join(', ')}` : `is ${nearest} meant?`;
    return `there is no section ${name.slice(0, 100)}; ${further}`;
  }

  #say(offset: number, message: string): void {
    if (this.problems.length >= LIMITS.configProblemsMax.value) return;
    const { line, col } = this.#lines.linePos(offset);
    this.problems.push({ line, column: col, message });
  }
}

function hasAnchor(node: Node | null): boolean {
  if (node === null) return false;
  if (isAlias(node)) return true;
  const { anchor, tag } = node as { anchor?: string; tag?: string };
  if (anchor !== undefined || (tag !== undefined && !tag.startsWith('tag:yaml.org,2002:'))) return true;
  return isSeq(node) && node.items.some((item) => hasAnchor(item as Node | null));
}

/** A scalar, or a list of scalars; everything else as undefined, which fits no setting. */
function plainOf(node: Node | null): unknown {
  if (isScalar(node)) return node.value;
  if (isSeq(node)) return node.items.map((item) => (isScalar(item) ? item.value : undefined));
  return undefined;
}
