/** Text from outside for a terminal: what is not a visible character is written as its number, so that it commands nothing. */
export function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, character => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
}

/** Cut to a width, at the left: the end of a path says more than its beginning. */
export function cutLeft(text: string, width: number): string {
  const characters = [...text]
  return characters.length <= width ? text : `…${characters.slice(characters.length - width + 1).join('')}`
}
