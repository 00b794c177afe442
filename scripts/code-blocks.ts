/** A fenced block of code on a page. */
export interface CodeBlock {
  /** `ts`, `sh`, or empty. */
  language: string
  /** The words behind the language. */
  marks: readonly string[]
  /** Of the page, from 1: the first line of the code. */
  line: number
  code: string
}

/** The blocks of a page, in order. */
export function codeBlocks(page: string): CodeBlock[] {
  const blocks: CodeBlock[] = []
  let open: { language: string; marks: string[]; line: number; code: string[] } | undefined
  for (const [index, text] of page.split('\n').entries()) {
    const fence = /^```(.*)$/.exec(text)?.[1]
    if (open && fence === '') {
      blocks.push({ ...open, code: `${open.code.join('\n')}\n` })
      open = undefined
    } else if (open) open.code.push(text)
    else if (fence !== undefined) {
      const [language = '', ...marks] = fence.trim().split(/\s+/)
      open = { language, marks, line: index + 2, code: [] }
    }
  }
  if (open) throw new Error(`The block of code at line ${open.line} does not end.`)
  return blocks
}

/** The one block of TypeScript that is marked with the word. */
export function markedBlock(page: string, mark: string): CodeBlock {
  const [block, ...more] = codeBlocks(page).filter(({ language, marks }) => language === 'ts' && marks.includes(mark))
  if (!block || more.length > 0)
    throw new Error(`The page needs one block that begins with \`\`\`ts ${mark}, and has ${more.length + (block ? 1 : 0)}.`)
  return block
}
