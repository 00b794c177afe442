import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as machines from 'lifechart/machines'
import { describe, expect, it, onTestFinished } from 'vitest'
import { and, createMachine, not, raise } from 'xstate'
import { outlineOf, readChart } from '../scripts/charts/chart.ts'
import { layOut, type PlacedState } from '../scripts/charts/layout.ts'
import { drawAll, drawMachine, findStale } from '../scripts/charts/pictures.ts'
import { themes } from '../scripts/charts/theme.ts'

const committed = fileURLToPath(new URL('../docs/charts', import.meta.url))

const parallel = createMachine({
  id: 'kettle',
  type: 'parallel',
  states: {
    heater: {
      initial: 'off',
      on: { 'kettle.reset': '.off' },
      states: {
        off: { description: 'Cold.', on: { 'switch.pressed': [{ guard: and(['hasWater', not('isBroken')]), target: 'on' }, 'off'] } },
        on: { tags: 'hot', entry: raise({ type: 'lamp.lit' }), after: { 5000: 'off', boiling: 'spent', 180000: 'off', 20: 'off' } },
        spent: { type: 'final' },
      },
    },
    lamp: {
      initial: 'dark',
      states: {
        dark: { on: { 'lamp.lit': 'lit', '*': { actions: 'complain' } }, always: { guard: 'isNight', target: 'lit' } },
        lit: { invoke: { id: 'glow', src: 'glow', onDone: 'dark', onError: 'dark' } },
      },
    },
  },
})

describe('the pictures in docs/charts', () => {
  it('show the charts as they are', async () => {
    expect(await findStale(committed, await drawAll())).toEqual([])
  })

  it('are reported when they are missing, outdated or of a chart that is gone', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'charts-'))
    onTestFinished(() => rm(directory, { recursive: true }))
    for (const file of ['same.svg', 'old.svg', 'gone.svg']) await writeFile(join(directory, file), 'as it was')
    const pictures = ['same', 'old', 'new'].map(name => ({ file: `${name}.svg`, svg: name === 'same' ? 'as it was' : 'as it is' }))
    expect(await findStale(directory, pictures)).toEqual([
      'old.svg does not show the chart as it is now',
      'new.svg is missing',
      'gone.svg shows a chart that does not exist',
    ])
  })

  it('come out the same each time', async () => {
    expect(await drawMachine(parallel)).toEqual(await drawMachine(parallel))
  })
})

describe('a chart as it is drawn', () => {
  const { arrows, root } = readChart(parallel)
  const labels = (from: string, to: string) =>
    arrows
      .find(arrow => arrow.from === from && arrow.to === to)
      ?.labels.map(({ trigger, guard }) => (guard ? `${trigger} [${guard}]` : trigger))
  const notes = (...path: string[]) => path.reduce((state, name) => state.states.find(child => child.name === name) ?? state, root).notes

  it('names delays by their length or their name, on one arrow for all that leads to the same state', () => {
    expect(labels('kettle.heater.on', 'kettle.heater.off')).toEqual(['after 20 ms', 'after 5 s', 'after 3 min'])
    expect(labels('kettle.heater.on', 'kettle.heater.spent')).toEqual(['after boiling'])
  })

  it('tells what guards a transition, and what happens otherwise', () => {
    expect(labels('kettle.heater.off', 'kettle.heater.on')).toEqual(['switch.pressed [hasWater and not isBroken]'])
    expect(labels('kettle.lamp.dark', 'kettle.lamp.lit')).toEqual(['always [isNight]', 'lamp.lit'])
    expect(notes('heater', 'off')).toEqual(['switch.pressed [else] → off'])
  })

  it('tells what a state does by itself and what it takes without leaving', () => {
    expect(notes('heater')).toEqual(['kettle.reset → off'])
    expect(notes('heater', 'on')).toEqual(['entry / raise lamp.lit'])
    expect(notes('lamp', 'dark')).toEqual(['any other event / complain'])
    expect(notes('lamp', 'lit')).toEqual(['invokes glow'])
    expect(labels('kettle.lamp.lit', 'kettle.lamp.dark')).toEqual(['onDone', 'onError'])
  })

  it('has a dashed line between regions, a double border around a final state and a dot for each state entered first', async () => {
    const [light] = await drawMachine(parallel)
    expect(light?.svg.match(/stroke-dasharray/g)).toHaveLength(1)
    expect(light?.svg.match(new RegExp(`<rect [^>]*stroke="${themes.light.finalBorder}"`, 'g'))).toHaveLength(2)
    expect(light?.svg.match(/<circle /g)).toHaveLength(2)
  })

  it('says of every box whose state it is', async () => {
    const statesIn = async (machine: Parameters<typeof drawMachine>[0]) =>
      [...((await drawMachine(machine))[0]?.svg ?? '').matchAll(/<rect [^>]*data-state="([^"]*)"/g)].map(([, path]) => path).sort()
    const run = ['done', 'error', 'executing', 'executing.running', 'executing.stopping', 'registered', 'stopped', 'waiting']
    expect(await statesIn(machines.runMachine)).toEqual(run)
    expect(await statesIn(parallel)).toEqual(['heater.off', 'heater.on', 'heater.spent', 'lamp.dark', 'lamp.lit'])
  })

  it('is small when it is told with names only, and goes the way that is asked for', async () => {
    const outline = outlineOf(readChart(machines.runMachine))
    const [down, right] = await Promise.all([layOut(outline, 'DOWN'), layOut(outline, 'RIGHT')])
    expect(down.root.width).toBeLessThan(480)
    expect(down.root.height).toBeGreaterThan(down.root.width)
    expect(right.root.width).toBeGreaterThan(right.root.height)
    expect(down.arrows.filter(({ label }) => label)).toEqual([])
  })

  it.each([...Object.values(machines), parallel])('covers no text with a label or a box: $id', async machine => {
    const layout = await layOut(readChart(machine))
    const texts = textAreas(layout.root)
    const labelAreas = layout.arrows.flatMap(({ label }) => (label ? [{ name: label.lines[0]?.trigger ?? '', ...label }] : []))
    const areas = [...texts, ...labelAreas]
    expect(areas.length).toBeGreaterThan(5)
    const collisions = areas.flatMap((one, at) =>
      areas
        .slice(at + 1)
        .filter(other => overlap(one, other))
        .map(other => [one.name, other.name]),
    )
    expect(collisions).toEqual([])
    for (const { x, y, width, height } of areas) {
      expect(Math.min(x, y)).toBeGreaterThanOrEqual(0)
      expect(x + width).toBeLessThanOrEqual(layout.root.width)
      expect(y + height).toBeLessThanOrEqual(layout.root.height)
    }
  })
})

describe('a chart with hostile texts', () => {
  const hostile = `"><script>alert('x')</script>&amp;]]>\u0000\uD800`
  const machine = createMachine({
    id: 'hostile',
    description: hostile,
    initial: hostile,
    states: {
      [hostile]: { description: hostile, tags: [hostile], entry: hostile, on: { [hostile]: { guard: hostile, target: 'other' } } },
      other: {},
    },
  })

  it('is drawn with every one of them as plain text', async () => {
    for (const { svg } of await drawMachine(machine)) {
      const elements = new Set([...svg.matchAll(/<\/?([^\s/>]*)/g)].map(([, name]) => name))
      expect([...elements].sort()).toEqual(['circle', 'defs', 'desc', 'marker', 'path', 'rect', 'svg', 'text', 'title', 'tspan'])
      expect(svg).toContain('&#60;script&#62;')
      expect(svg).toContain('&#38;amp;')
      expect(svg).not.toMatch(/&(?!#\d+;)/)
      expect(svg).not.toContain('\u0000')
      expect(Buffer.from(svg).toString()).toBe(svg)
    }
  })
})

interface Area {
  name: string
  x: number
  y: number
  width: number
  height: number
}

/** A leaf is all text; of a state with others inside, the part above them. */
function textAreas({ state, box, x, y, width, height, children }: PlacedState): Area[] {
  const own = children.length > 0 ? { width: box.width, height: box.height } : { width, height }
  return [{ name: state.id, x, y, ...own }, ...children.flatMap(textAreas)]
}

function overlap(one: Area, other: Area): boolean {
  return one.x < other.x + other.width && other.x < one.x + one.width && one.y < other.y + other.height && other.y < one.y + one.height
}
