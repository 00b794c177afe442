/** In the page: the contrast of the word for a state, and of the border of a field, with what is behind them: WCAG 2.2 sections 1.4.3 and 1.4.11. */
export function contrastsOf(status: string): { word: number; field: number } {
  document.documentElement.dataset.status = status
  const painted = document.createElement('canvas').getContext('2d', { willReadFrequently: true }) as CanvasRenderingContext2D
  const luminance = (...colours: string[]) => {
    for (const colour of colours) {
      painted.fillStyle = colour
      painted.fillRect(0, 0, 1, 1)
    }
    const [red = 0, green = 0, blue = 0] = [...painted.getImageData(0, 0, 1, 1).data].map(of => {
      const share = of / 255
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const word = document.getElementById('status') as HTMLElement
  const { color, backgroundColor } = getComputedStyle(word)
  const card = getComputedStyle(word.closest('.card') as HTMLElement).backgroundColor
  const contrast = (...both: number[]) => {
    const [darker = 0, brighter = 0] = both.sort((a, b) => a - b)
    return (brighter + 0.05) / (darker + 0.05)
  }
  const { borderColor } = getComputedStyle(document.querySelector('input') as HTMLElement)
  return { word: contrast(luminance(color), luminance(card, backgroundColor)), field: contrast(luminance(borderColor), luminance(card)) }
}
