import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { secureHeaders } from 'hono/secure-headers'
import { escapeXml } from '../../scripts/charts/text.ts'
import { type DrawnChart, drawRunChart, drawTaskChart } from './chart.ts'

/** All that a browser needs, from this origin and from no other. */
export interface Page {
  html: string
  /** What the browser may load and run: exactly this page. */
  policy: NonNullable<Parameters<typeof secureHeaders>[0]>['contentSecurityPolicy']
  /** The modules that it imports, by path. */
  scripts: ReadonlyMap<string, string>
}

/** The document and its style sheets are used as they are written; scripts as they are built. */
const written = new URL('../../../examples/surveyor/page/', import.meta.url)
/** In this order: what is for narrow screens takes back some of the rest. */
const sheets = ['colours', 'frame', 'numbers', 'chart', 'events', 'agent', 'narrow']
const built = new URL('page/', import.meta.url)
const client = new URL('.', import.meta.resolve('lifechart/client'))

/** Puts the page together; `root` is what it says may be surveyed. */
export async function assemblePage(root: string): Promise<Page> {
  const [frame, style, run, task, ...scripts] = await Promise.all([
    readFile(new URL('page.html', written), 'utf8'),
    readSheets(),
    drawRunChart(),
    drawTaskChart(),
    readScripts(built, '/page/'),
    readScripts(client, '/client/'),
  ])
  const imports = JSON.stringify({ imports: { 'lifechart/client': '/client/index.js' } })
  const parts: Record<string, string> = {
    style: `<style>${style}</style>`,
    imports: `<script type="importmap">${imports}</script>`,
    root: escapeXml(basename(root) || root),
    run: chartOf(run),
    task: chartOf(task),
  }
  const html = frame.replace(/<!-- (\w+) -->/g, (_, name: string) => parts[name] ?? '')
  const policy = {
    defaultSrc: ["'none'"],
    scriptSrc: ["'self'", hashOf(imports)],
    styleSrc: [hashOf(style)],
    imgSrc: ['data:'],
    connectSrc: ["'self'"],
    baseUri: ["'none'"],
    formAction: ["'none'"],
    frameAncestors: ["'none'"],
  }
  return { html, policy, scripts: new Map(scripts.flat()) }
}

function chartOf({ svg, descriptions }: DrawnChart): string {
  const items = [...descriptions].map(([path, text]) => `<li data-state="${escapeXml(path)}">${escapeXml(text)}</li>`)
  return `<ul class="descriptions">\n${items.join('\n')}\n</ul>\n${svg}`
}

async function readSheets(): Promise<string> {
  const texts = await Promise.all(sheets.map(name => readFile(new URL(`${name}.css`, written), 'utf8')))
  return texts.join('\n')
}

async function readScripts(directory: URL, path: string): Promise<[string, string][]> {
  const names = (await readdir(directory)).filter(name => name.endsWith('.js'))
  return Promise.all(names.map(async (name): Promise<[string, string]> => [path + name, await readFile(new URL(name, directory), 'utf8')]))
}

const hashOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
