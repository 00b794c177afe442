import { crc32 } from 'node:zlib'
import type { Files } from '../../../src/adapters/lowdb/files.ts'
import { LifechartError } from '../../../src/errors.ts'
import type { AdapterSource, Change, Commit, Index, Stored, StreamHead } from '../../../src/kernel/port.ts'

type S = { head: StreamHead; view: Stored['view']; events: string[]; last: { id: string; versions: number[] } | undefined }
const bug = process.env.BUG ?? ''
export function lowdbAdapter({ dir, files }: { dir: string; files: Files; segmentBytes: number; readOnly: boolean }): any {
  return {
    name: 'naive',
    durable: true,
    open(env) {
      return this.open2(env).catch((e: unknown) => {
        throw new LifechartError('STORE_UNAVAILABLE', 'no', { cause: e })
      })
    },
    async open2(env: any) {
      await files.makeDirectory(dir)
      const p = `${dir}/log`
      let f
      if ((await files.list(dir)).includes('log')) f = await files.open(p, 'write')
      else {
        f = await files.open(p, 'create')
        if (bug !== 'nodirsync') await files.syncDirectory(dir)
      }
      const streams = new Map<string, S>(),
        keys = new Map<string, string>()
      const apply = (r: any) => {
        if (r.forget) {
          const s = streams.get(r.forget)
          if (!s) return
          if (r.through !== undefined) {
            s.head.floor = Math.max(s.head.floor, Math.min(r.through, s.head.version))
            return
          }
          streams.delete(r.forget)
          for (const [k, v] of keys) if (v === r.forget) keys.delete(k)
          return
        }
        r.commit.changes.forEach((c: Change, i: number) => {
          let s = streams.get(c.stream)
          if (!s)
            streams.set(
              c.stream,
              (s = {
                last: undefined,
                events: [],
                view: undefined,
                head: {
                  stream: c.stream,
                  kind: c.kind,
                  version: 0,
                  floor: 0,
                  session: undefined,
                  state: undefined,
                  index: {
                    scope: '',
                    owner: '',
                    context: '',
                    parent: '',
                    state: '',
                    live: true,
                    created: r.at,
                    changed: r.at,
                    due: null,
                  } as Index,
                },
              }),
            )
          s.events.push(...(c.events ?? []))
          s.head.version = s.events.length
          Object.assign(s.head.index, { changed: r.at }, c.index)
          if (c.own) s.head.session = c.own === 'acquire' ? r.commit.session : undefined
          if (c.state) s.head.state = c.state
          if (c.view) s.view = { through: s.head.version, data: c.view }
          for (const k of c.release ?? []) if (keys.get(k) === c.stream) keys.delete(k)
          for (const { key } of c.claim ?? []) keys.set(key, c.stream)
          s.last = { id: r.commit.id, versions: r.versions ?? (r.versions = []) }
          r.versions[i] = s.head.version
        })
      }
      const buf = Buffer.from(await f.read(await f.size(), 0))
      let pos = 0
      while (pos < buf.length) {
        const e = buf.indexOf(10, pos)
        if (e < 0) break
        const line = buf.subarray(pos, e)
        let r
        try {
          if (bug !== 'nocrc' && parseInt(line.subarray(0, 8).toString(), 16) !== crc32(line.subarray(9))) break
          r = JSON.parse(line.subarray(9).toString())
        } catch {
          break
        }
        apply(r)
        pos = e + 1
      }
      if (pos < buf.length) await f.truncate(pos)
      if (bug !== 'norecoverysync') await f.sync()
      let queue: { r: any; res: (v: number[]) => void; rej: (e: unknown) => void }[] = [],
        busy = false,
        dead: any
      const run = async () => {
        while (queue.length) {
          const batch = queue
          queue = []
          if (dead) {
            for (const b of batch) b.rej(dead)
            continue
          }
          const ok: typeof batch = []
          const seen = new Map<string, number>()
          for (const b of batch) {
            if (b.r.commit) {
              const c = b.r.commit as Commit
              const prev = streams.get(c.changes[0]!.stream)?.last
              if (prev?.id === c.id) {
                b.res(prev.versions)
                continue
              }
              const wrong = c.changes.find(
                x => x.expect !== 'any' && (streams.get(x.stream)?.head.version ?? 0) + (seen.get(x.stream) ?? 0) !== x.expect,
              )
              if (wrong) {
                b.rej(new LifechartError('VERSION_CONFLICT', 'conflict ' + wrong.stream))
                continue
              }
              for (const x of c.changes) seen.set(x.stream, (seen.get(x.stream) ?? 0) + (x.events?.length ?? 0))
            }
            ok.push(b)
          }
          const text = Buffer.from(
            ok
              .map(b => {
                const body = JSON.stringify(b.r)
                return crc32(body).toString(16).padStart(8, '0') + ' ' + body + '\n'
              })
              .join(''),
          )
          let failed: any,
            o = 0
          try {
            while (o < text.length) o += await f.write(text.subarray(o), pos + o)
          } catch (e) {
            failed = e
          }
          if (failed) {
            try {
              if (bug !== 'norepair') {
                await f.truncate(pos)
                await f.sync()
              }
            } catch (e) {
              dead = new LifechartError('STORE_FAILED', 'dead', { cause: e })
            }
            if (bug === 'norepair') pos += o
            for (const b of ok) b.rej(dead ?? new LifechartError('STORE_FULL', 'full', { retryable: true, cause: failed }))
            continue
          }
          if (bug === 'ackfirst')
            for (const b of ok) {
              apply(b.r)
              b.res(b.r.versions)
            }
          try {
            await f.sync()
          } catch (e) {
            dead = new LifechartError('STORE_FAILED', 'dead', { cause: e })
            if (bug !== 'acksync') {
              for (const b of ok) b.rej(dead)
              continue
            }
          }
          pos += text.length
          if (bug !== 'ackfirst')
            for (const b of ok) {
              apply(b.r)
              b.res(b.r.versions)
            }
        }
        busy = false
      }
      const put = (r: any) =>
        new Promise<number[]>((res, rej) => {
          queue.push({ r, res, rej })
          if (!busy) {
            busy = true
            setImmediate(run)
          }
        })
      let n = 0
      const known = (s: S) => structuredClone(s.head)
      return {
        commit: commit => put({ commit, at: env.clock.now() }),
        load: async at => {
          const s = streams.get(typeof at === 'string' ? at : (keys.get(at.key) ?? ''))
          return s && { ...known(s), view: s.view }
        },
        read: async (stream, { after, limit }) => {
          const s = streams.get(stream)!
          return { events: s.events.slice(after, after + limit), head: s.head.version }
        },
        query: async ({ limit, cursor }) => {
          const all = [...streams.keys()].sort()
          const from = cursor === undefined ? 0 : Number(cursor)
          return {
            items: all.slice(from, from + limit).map(id => known(streams.get(id)!)),
            next: from + limit < all.length ? String(from + limit) : undefined,
          }
        },
        session: async () => ({ id: `s-${env.clock.now()}-${n++}`, renew: async () => {}, end: async () => {} }),
        watch: () => () => {},
        forget: async (forget, { through }) => {
          await put({ forget, through })
        },
        close: async () => {
          await f.close()
        },
      }
    },
  }
}
