import type { Page } from 'playwright-core'

/** The page of the surveyor, as a user sees it. */
export function surveyPage(page: Page) {
  const value = (name: string) => page.locator(`#${name}`).evaluate(data => Number((data as HTMLDataElement).value))

  return {
    async start({ directory = '', pace }: { directory?: string; pace: number }): Promise<void> {
      await page.getByLabel('Directory').fill(directory)
      await page.getByLabel('Pace').fill(String(pace))
      await page.getByRole('button', { name: 'Start' }).click()
    },
    stop: () => page.getByRole('button', { name: 'Stop' }).click(),
    /** Waits until the state is lit in the chart, with everything around it, and nothing else is. */
    async lit(...paths: string[]): Promise<void> {
      await page.waitForFunction(expected => {
        const lit = [...document.querySelectorAll<SVGElement>('#chart rect.lit')].map(box => box.dataset.state)
        return lit.sort().join() === expected
      }, paths.sort().join())
    },
    connection: (is: string) => page.locator('#connection').getByText(is, { exact: true }).waitFor(),
    /** Waits until so many findings are shown. */
    async findings(count: number): Promise<void> {
      await page.waitForFunction(least => Number((document.getElementById('findings') as HTMLDataElement).value) >= least, count)
    },
    async numbers() {
      const [files, lines, bytes, findings] = await Promise.all(['files', 'lines', 'bytes', 'findings'].map(value))
      return { files, lines, bytes, findings }
    },
    /** The numbers of the events in the list, newest first. */
    async listed(): Promise<number[]> {
      const numbers = await page.locator('#rows .seq').allTextContents()
      return numbers.map(text => Number(text.slice(1)))
    },
    text: (id: string) => page.locator(`#${id}`).innerText(),
  }
}
