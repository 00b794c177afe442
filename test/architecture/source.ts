import { parseAst } from 'vitest/node'

export interface Import {
  /** As written; undefined when it is computed while the program runs. */
  specifier: string | undefined
  /** Gone after compilation: `import type`, `export type` and `import('...')` as a type. */
  typeOnly: boolean
}

/** What a file says about its place in the house. */
export interface Source {
  imports: readonly Import[]
  hasDefaultExport: boolean
  /** Uses of time and chance that no test can hold still. */
  ambient: readonly string[]
}

interface Node {
  type: string
  [field: string]: unknown
}

const ambientMembers = ['Date.now', 'Math.random', 'globalThis.setTimeout', 'globalThis.setInterval']
const ambientCalls = ['setTimeout', 'setInterval']

/** Reads the syntax tree, so that neither line breaks nor comments nor texts that look like code mislead it. */
export function readSource(text: string): Source {
  const nodes = [...walk(parseAst(text, { lang: 'ts' }))]
  return {
    imports: nodes.flatMap(readImport),
    hasDefaultExport: nodes.some(({ type, specifiers }) => type === 'ExportDefaultDeclaration' || list(specifiers).some(isDefault)),
    ambient: nodes.flatMap(readAmbient),
  }
}

function* walk(value: unknown): Generator<Node> {
  if (Array.isArray(value)) for (const item of value) yield* walk(item)
  if (!isNode(value)) return
  yield value
  for (const field of Object.values(value)) yield* walk(field)
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}

function list(value: unknown): Node[] {
  return Array.isArray(value) ? value.filter(isNode) : []
}

function readImport({ type, source, importKind, exportKind }: Node): Import[] {
  if (type === 'ImportExpression') return [{ specifier: literal(source), typeOnly: false }]
  if (type === 'TSImportType') return [{ specifier: literal(source), typeOnly: true }]
  // `import { type A }` keeps its import under verbatimModuleSyntax: only the statement's own kind counts.
  if (isNode(source)) return [{ specifier: literal(source), typeOnly: (importKind ?? exportKind) === 'type' }]
  return []
}

function literal(node: unknown): string | undefined {
  return isNode(node) && node.type === 'Literal' && typeof node.value === 'string' ? node.value : undefined
}

function isDefault({ type, exported }: Node): boolean {
  return type === 'ExportSpecifier' && isNode(exported) && (exported.name ?? exported.value) === 'default'
}

function readAmbient({ type, object, property, callee, arguments: given }: Node): string[] {
  if (type === 'MemberExpression' && isNode(object) && isNode(property)) {
    const name = `${object.name}.${property.name}`
    return ambientMembers.includes(name) ? [name] : []
  }
  if (!isNode(callee) || typeof callee.name !== 'string') return []
  if (type === 'CallExpression' && ambientCalls.includes(callee.name)) return [callee.name]
  return type === 'NewExpression' && callee.name === 'Date' && list(given).length === 0 ? ['new Date()'] : []
}
