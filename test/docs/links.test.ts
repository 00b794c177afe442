import { existsSync } from 'node:fs'
import { join, posix } from 'node:path'
import { expect, it } from 'vitest'
import { pages, root } from './pages.ts'

it('every link within the documentation leads somewhere', () => {
  const links = [...pages].flatMap(([path, text]) => [...linksIn(text)].map(link => ({ path, link })))
  expect(links.length).toBeGreaterThan(20)
  expect(links.filter(({ path, link }) => !leads(path, link)).map(({ path, link }) => `${path}: ${link}`)).toEqual([])
})

function* linksIn(text: string): Generator<string> {
  const prose = text.replaceAll(/^```[\s\S]*?^```$/gm, '')
  for (const [, link = ''] of prose.matchAll(/\]\(([^)\s]+)\)/g)) yield link
  for (const [, link = ''] of prose.matchAll(/ (?:src|srcset|href)="([^"]+)"/g)) yield link
}

function leads(from: string, link: string): boolean {
  if (/^https:/.test(link)) return true
  const [target = '', anchor] = link.split('#')
  const path = target === '' ? from : posix.join(posix.dirname(from), target)
  if (!existsSync(join(root, path))) return false
  return anchor === undefined || anchorsOf(pages.get(path) ?? '').includes(anchor)
}

/** As they are made of headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#{1,6} (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
