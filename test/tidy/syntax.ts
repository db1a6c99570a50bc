import { parseSync } from 'oxc-parser';
import type { SourceFile } from './repository.ts';

/** A node of the ESTree that the parser gives, seen without its many types. */
export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

const parsed = new WeakMap<SourceFile, SyntaxNode>();

/** Parses a file once; a syntax error is thrown with its place. */
export function parse(file: SourceFile): SyntaxNode {
  const known = parsed.get(file);
  if (known) return known;
  const result = parseSync(file.path, file.text, { sourceType: 'module', astType: 'ts' });
  const error = result.errors[0];
  if (error) throw new Error(`${file.path}: ${error.message}\n${error.codeframe ?? ''}`);
  const program = result.program as unknown as SyntaxNode;
  parsed.set(file, program);
  return program;
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && typeof (value as SyntaxNode).type === 'string';
}

/** The direct child nodes with the field that holds each, in source order of the fields. */
export function* children(node: SyntaxNode): Generator<{ key: string; child: SyntaxNode }> {
  for (const [key, value] of Object.entries(node)) {
    if (Array.isArray(value)) {
      for (const item of value) if (isNode(item)) yield { key, child: item };
    } else if (isNode(value)) {
      yield { key, child: value };
    }
  }
}

/** Every node below and including `node`, parents first. */
export function* descendants(
  node: SyntaxNode,
  parent: SyntaxNode | null = null,
): Generator<{ node: SyntaxNode; parent: SyntaxNode | null }> {
  yield { node, parent };
  for (const { child } of children(node)) yield* descendants(child, node);
}

/** Line of an offset, from 1. */
export function lineOf(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line++;
  return line;
}

export function nameOf(node: unknown): string | null {
  if (!isNode(node)) return null;
  if (node.type === 'Identifier' || node.type === 'PrivateIdentifier') return node.name as string;
  if (node.type === 'Literal') return String(node.value);
  return null;
}
