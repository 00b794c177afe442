import { parseAst } from 'vitest/node'

interface Node {
  type: string
  [field: string]: unknown
}

const groups = new Set(['describe'])
/** `rule` is a case of the conformance suite. */
const cases = new Set(['it', 'test', 'rule'])

/** The cases of a test file, each as its own title behind those of its groups: `stop › ends a run`. */
export function titlesIn(text: string): string[] {
  return [...titles(parseAst(text, { lang: 'ts' }), [])]
}

function* titles(value: unknown, path: readonly string[]): Generator<string> {
  if (Array.isArray(value)) for (const item of value) yield* titles(item, path)
  if (!isNode(value)) return
  const found = call(value)
  const inner = found ? [...path, found.title] : path
  if (found && cases.has(found.name)) yield inner.join(' › ')
  for (const field of Object.values(value)) yield* titles(field, inner)
}

function call({ type, callee, arguments: given }: Node): { name: string; title: string } | undefined {
  if (type !== 'CallExpression' || !Array.isArray(given)) return undefined
  const name = nameOf(callee)
  const title = textOf(given[0])
  return name !== undefined && title !== undefined && (groups.has(name) || cases.has(name)) ? { name, title } : undefined
}

/** The `it` of `it(…)`, `it.each(…)(…)` and `` it.each`…`(…) ``. */
function nameOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined
  if (node.type === 'Identifier') return String(node.name)
  return nameOf(node.object ?? node.callee ?? node.tag)
}

/** Of a title that is made while the tests run, the source: `${count} seeds`. */
function textOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined
  if (node.type === 'Literal') return typeof node.value === 'string' ? node.value : undefined
  if (node.type !== 'TemplateLiteral' || !Array.isArray(node.quasis)) return undefined
  return node.quasis.map(({ value }) => (value as { cooked: string }).cooked).join('…')
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}
