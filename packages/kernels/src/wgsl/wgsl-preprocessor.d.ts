// The package ships no types and no `main`, so that it is imported by its file name.
declare module 'wgsl-preprocessor/wgsl-preprocessor.js' {
  /**
   * Joins `strings[i]` and `values[i]` in turn, as a template literal would, and keeps of every
   * `#if value … #elif value … #else … #endif` the first branch whose value is truthy. Directives are
   * looked for in `strings` only; a value that follows no `#if` or `#elif` is joined as it is.
   */
  export function wgsl(strings: readonly string[], ...values: readonly (boolean | string)[]): string;
}
