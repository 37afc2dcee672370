/**
 * Whether a pattern means a parameter: its whole name, or a module that it belongs to. `*` stands for any characters, dots
 * included: `heads.*.conv_last` means `heads.x2.conv_last.weight`, `conv_first` both of its parameters, `*` everything.
 */
export function matchesPattern(pattern: string, parameter: string): boolean {
  const source = pattern
    .split('*')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${source}(\\.|$)`).test(parameter);
}

/** Whether one of the patterns means a parameter. */
export function matchesAny(patterns: readonly string[], parameter: string): boolean {
  return patterns.some((pattern) => matchesPattern(pattern, parameter));
}
