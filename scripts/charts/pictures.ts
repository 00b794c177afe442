import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as machines from 'lifechart/machines'
import type { AnyStateMachine } from 'xstate'
import { readChart } from './chart.ts'
import { layOut } from './layout.ts'
import { drawSvg } from './svg.ts'
import { themes } from './theme.ts'

export interface Picture {
  /** The name of its file. */
  file: string
  svg: string
}

/** One machine, light and dark. The same machine gives the same bytes everywhere. */
export async function drawMachine(machine: AnyStateMachine): Promise<Picture[]> {
  const layout = await layOut(readChart(machine))
  return (['light', 'dark'] as const).map(name => ({ file: `${machine.id}.${name}.svg`, svg: drawSvg(layout, themes[name]) }))
}

/** Every chart that `lifechart/machines` exports; one that differs from another in its guards alone has the same picture. */
export async function drawAll(): Promise<Picture[]> {
  const charts = new Map(Object.values(machines).map(machine => [machine.id, machine]))
  return (await Promise.all([...charts.values()].map(drawMachine))).flat()
}

/** What a directory of pictures would have to change to hold exactly these; nothing when it is up to date. */
export async function findStale(directory: string, pictures: readonly Picture[]): Promise<string[]> {
  const present = new Set((await readdir(directory)).filter(file => file.endsWith('.svg')))
  const stale: string[] = []
  for (const { file, svg } of pictures) {
    if (!present.delete(file)) stale.push(`${file} is missing`)
    else if ((await readFile(join(directory, file), 'utf8')) !== svg) stale.push(`${file} does not show the chart as it is now`)
  }
  return [...stale, ...[...present].map(file => `${file} shows a chart that does not exist`)]
}
