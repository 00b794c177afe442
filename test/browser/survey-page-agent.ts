import type { Page } from 'playwright-core'

/** What the page shows of the agent, as a user sees it. */
export function agentPage(page: Page) {
  return {
    async say(text: string, button: 'Ask' | 'Answer'): Promise<void> {
      await page.getByRole('button', { name: button }).waitFor()
      await page.getByLabel('Message to the agent').fill(text)
      await page.getByRole('button', { name: button }).click()
    },
    /** Waits until exactly these states are lit in the chart. */
    async lit(...paths: string[]): Promise<void> {
      await page.waitForFunction(expected => {
        const lit = [...document.querySelectorAll<SVGElement>('#task rect.lit')].map(box => box.dataset.state)
        return lit.sort().join() === expected
      }, paths.sort().join())
    },
    /** Waits until so many are shown. */
    async hasFindings(count: number): Promise<void> {
      await page.waitForFunction(least => Number((document.getElementById('told-findings') as HTMLDataElement).value) >= least, count)
    },
    findings: () => page.locator('#told-findings').evaluate(data => Number((data as HTMLDataElement).value)),
    /** Newest first. */
    states: () => page.locator('#told-rows .what').allTextContents(),
  }
}
