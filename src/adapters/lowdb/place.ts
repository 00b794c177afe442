/** Where one line of the log is. */
export interface Place {
  readonly segment: number
  readonly offset: number
  /** Bytes, with the line's end. */
  readonly length: number
}

/** As it is written in the log. */
export type PlaceParts = readonly [segment: number, offset: number, length: number]

export const partsOf = ({ segment, offset, length }: Place): PlaceParts => [segment, offset, length]
export const placeOf = ([segment, offset, length]: PlaceParts): Place => ({ segment, offset, length })
