import type { Browser, BrowserContext } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { findChromium, launchChromium } from './chromium.ts'

/** Tests in one browser, each with contexts of its own, which end with it. Where there is no browser, one test says so. */
export function inChromium(title: string, tests: (newContext: () => Promise<BrowserContext>) => void): void {
  const executable = findChromium()
  if (executable === undefined) {
    const missing = 'no Chromium was found: the browser tests were NOT run (CHROMIUM_PATH names one)'
    it(missing, () => {
      console.warn(missing)
      expect(process.env.LIFECHART_BROWSER, missing).not.toBe('required')
    })
    return
  }
  describe(title, () => {
    let browser: Browser
    const contexts: BrowserContext[] = []
    beforeAll(async () => {
      browser = await launchChromium(executable)
    })
    afterAll(() => browser.close())
    afterEach(async () => {
      for (const context of contexts.splice(0)) await context.close()
    })
    tests(async () => {
      const context = await browser.newContext({ reducedMotion: 'reduce' })
      context.setDefaultTimeout(20_000)
      contexts.push(context)
      return context
    })
  })
}
