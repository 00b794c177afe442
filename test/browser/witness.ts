import type { Page } from 'playwright-core'
import { expect } from 'vitest'

/** What the browser itself logs of a request that found no server, or lost it. */
const networkError = /^Failed to load resource: net::ERR_(\w+)$/

export interface Witness {
  /** Nothing went wrong on the page but these network errors of the browser, and it asked nobody but its server. */
  assertGood(...networkErrors: string[]): void
  /** How often something that begins so was asked for. */
  asked(method: string, path: string): number
}

/** Notes what a page complains of, and what it asks for. */
export function watchPage(page: Page, origin: string): Witness {
  const complaints: string[] = []
  const requests: { method: string; url: string }[] = []
  page.on('pageerror', error => complaints.push(`thrown: ${error.message}`))
  page.on('console', message => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('request', request => requests.push({ method: request.method(), url: request.url() }))
  page.on('dialog', dialog => {
    complaints.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  return {
    assertGood(...networkErrors) {
      const others = complaints.filter(text => !networkErrors.includes(networkError.exec(text)?.[1] ?? ''))
      expect(others).toEqual([])
      const foreign = requests.filter(({ url }) => new URL(url).origin !== origin && !url.startsWith('data:'))
      expect(foreign).toEqual([])
      expect(requests.length).toBeGreaterThan(0)
    },
    asked: (method, path) => requests.filter(request => request.method === method && request.url.startsWith(origin + path)).length,
  }
}
