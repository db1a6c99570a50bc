import type { SourceFile } from './repository.ts';
import { children, isNode, lineOf, nameOf, parse, type SyntaxNode } from './syntax.ts';

/** Globals that bring time, chance, timers, the network or the process into a program. */
export const BANNED_GLOBALS: ReadonlySet<string> = new Set([
  'Date',
  'performance',
  'process',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'clearTimeout',
  'clearInterval',
  'clearImmediate',
  'fetch',
  'WebSocket',
  'crypto',
  'globalThis',
  'global',
  'require',
]);

/** Members of harmless globals that do the same. */
const BANNED_MEMBERS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['Math', new Set(['random'])],
  ['AbortSignal', new Set(['timeout'])],
  ['Temporal', new Set(['Now'])],
]);

const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);
const SCOPES = new Set([
  ...FUNCTIONS,
  'Program',
  'BlockStatement',
  'ForStatement',
  'ForInStatement',
  'ForOfStatement',
  'CatchClause',
  'SwitchStatement',
  'StaticBlock',
]);
/** TypeScript nodes that hold an expression; every other TS node is about types and leaves nothing at run time. */
const TYPED_EXPRESSIONS = new Set([
  'TSAsExpression',
  'TSSatisfiesExpression',
  'TSNonNullExpression',
  'TSTypeAssertion',
  'TSInstantiationExpression',
]);
/** Fields that hold a name which is no reference. */
const NAME_FIELDS: ReadonlyMap<string, string> = new Map([
  ['MemberExpression', 'property'],
  ['Property', 'key'],
  ['MethodDefinition', 'key'],
  ['PropertyDefinition', 'key'],
  ['AccessorProperty', 'key'],
]);
const SKIPPED = new Set([
  'ImportDeclaration',
  'ExportAllDeclaration',
  'ExportSpecifier',
  'MetaProperty',
  'BreakStatement',
  'ContinueStatement',
]);

export interface GlobalUse {
  readonly name: string;
  readonly line: number;
}

type Scope = ReadonlySet<string>;

/** Uses of banned globals. A name that the file declares itself, in a scope around the use, is no global. */
export function globalUses(file: SourceFile): GlobalUse[] {
  const uses: GlobalUse[] = [];
  const report = (name: string, node: SyntaxNode): void => {
    uses.push({ name, line: lineOf(file.text, node.start) });
  };
  visit(parse(file), [], report);
  return uses;
}

function visit(
  node: SyntaxNode,
  outer: readonly Scope[],
  report: (name: string, node: SyntaxNode) => void,
): void {
  if (SKIPPED.has(node.type)) return;
  if (node.type.startsWith('TS')) {
    if (TYPED_EXPRESSIONS.has(node.type) && isNode(node.expression)) visit(node.expression, outer, report);
    return;
  }
  const scopes = SCOPES.has(node.type) ? [...outer, declaredIn(node)] : outer;
  const isGlobal = (name: string): boolean => !scopes.some((scope) => scope.has(name));
  if (node.type === 'Identifier') {
    const name = node.name as string;
    if (BANNED_GLOBALS.has(name) && isGlobal(name)) report(name, node);
    return;
  }
  if (node.type === 'MemberExpression') {
    const object = nameOf(node.object);
    const member = nameOf(node.property);
    if (object !== null && member !== null && BANNED_MEMBERS.get(object)?.has(member) && isGlobal(object)) {
      report(`${object}.${member}`, node);
    }
  }
  const nameField = node.computed === true ? undefined : NAME_FIELDS.get(node.type);
  for (const { key, child } of children(node)) if (key !== nameField) visit(child, scopes, report);
}

/** Names that a scope declares: parameters, and the declarations directly in it. */
function declaredIn(scope: SyntaxNode): Scope {
  const names = new Set<string>();
  if (FUNCTIONS.has(scope.type)) {
    addName(scope.id, names);
    for (const parameter of scope.params as readonly SyntaxNode[]) addPattern(parameter, names);
  }
  if (scope.type === 'CatchClause') addPattern(scope.param, names);
  for (const { child } of children(scope)) collect(child, scope.type === 'Program', names);
  return names;
}

function collect(node: SyntaxNode, isTop: boolean, names: Set<string>): void {
  switch (node.type) {
    case 'VariableDeclaration':
      for (const one of node.declarations as readonly SyntaxNode[]) addPattern(one.id, names);
      return;
    case 'FunctionDeclaration':
    case 'ClassDeclaration':
      addName(node.id, names);
      return;
    case 'ImportDeclaration':
      for (const one of node.specifiers as readonly SyntaxNode[]) addName(one.local, names);
      return;
    case 'ExportNamedDeclaration':
      if (isTop && isNode(node.declaration)) collect(node.declaration, isTop, names);
      return;
    case 'SwitchCase':
      for (const { child } of children(node)) collect(child, isTop, names);
      return;
    default:
      return;
  }
}

function addName(node: unknown, names: Set<string>): void {
  const name = nameOf(node);
  if (name !== null) names.add(name);
}

function addPattern(node: unknown, names: Set<string>): void {
  if (!isNode(node)) return;
  switch (node.type) {
    case 'Identifier':
      addName(node, names);
      return;
    case 'AssignmentPattern':
      addPattern(node.left, names);
      return;
    case 'RestElement':
      addPattern(node.argument, names);
      return;
    case 'Property':
      addPattern(node.value, names);
      return;
    case 'ObjectPattern':
      for (const one of node.properties as readonly SyntaxNode[]) addPattern(one, names);
      return;
    case 'ArrayPattern':
      for (const one of node.elements as readonly (SyntaxNode | null)[]) addPattern(one, names);
      return;
    default:
      return;
  }
}
