/** What the AI SDK takes from the package of types of this name, which is not a dependency of it. */
declare module 'json-schema' {
  export interface JSONSchema7 {
    readonly [keyword: string]: unknown
  }
  export type JSONSchema7Definition = JSONSchema7 | boolean
}
