/** The part of fast-check that random operations need; the module itself fits: `import fc from 'fast-check'`. */
export interface FastCheck {
  constantFrom<T>(...values: T[]): Arbitrary<T>
  integer(bounds: { min: number; max: number }): Arbitrary<number>
  array<T>(item: Arbitrary<T>, bounds: { minLength?: number; maxLength?: number; size?: 'max' }): Arbitrary<T[]>
  oneof<T>(...choices: { weight: number; arbitrary: Arbitrary<T> }[]): Arbitrary<T>
  record(fields: Record<string, Arbitrary<unknown>>, options?: { requiredKeys: string[] }): Arbitrary<unknown>
  asyncProperty<T>(arbitrary: Arbitrary<T>, predicate: (value: T) => Promise<void>): unknown
  assert(property: unknown, parameters: { numRuns: number; seed?: number }): unknown
}

export interface Arbitrary<T> {
  map<U>(mapper: (value: T) => U): Arbitrary<U>
}
