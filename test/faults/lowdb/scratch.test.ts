import { it } from 'vitest'
import { createDisk } from './disk.ts'
import { openStore } from './store.ts'
import { createLedger } from './ledger.ts'
import { play, script } from './script.ts'
it('t', async () => {
  for (let r = 0; r < 5; r++) {
    const disk = createDisk()
    let t = performance.now()
    const lap = (n: string) => { const u = performance.now(); console.log(n, (u - t).toFixed(1)); t = u }
    const s = await openStore({ ...disk.files }); lap('open')
    const l = createLedger()
    await play(s.adapter, l, script((await s.adapter.session('x', 60000)).id), s.clock); lap('play')
    await l.settle(s.adapter); lap('settle')
    await s.adapter.close(); lap('close')
    const s2 = await openStore({ ...disk.files }); lap('reopen')
    await s2.adapter.close(); lap('close')
  }
})
