/** HTML whose every inserted text is escaped, unless it is markup itself. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Inserted = Markup | string | number | readonly Inserted[];

/** A template of HTML. */
export function html(strings: TemplateStringsArray, ...values: readonly Inserted[]): Markup {
  return new Markup(strings.map((text, i) => (i === 0 ? '' : textOf(values[i - 1] ?? '')) + text).join(''));
}

/** Several pieces, one behind the other. */
export function markup(pieces: readonly Markup[]): Markup {
  return new Markup(textOf(pieces));
}

function textOf(value: Inserted): string {
  if (value instanceof Markup) return value.text;
  if (typeof value === 'object') return value.map(textOf).join('');
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
  };
  return String(value).replace(/[&<>"]/g, (character) => entities[character] ?? character);
}
