/**
 * A JSON reader that keeps what JSON.parse hides: a key that occurs twice, and the digits of a number (JSON.parse rounds
 * integers above 2^53). Objects become Maps, so that no key can reach a prototype.
 */

/** A number as written. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type JsonValue =
  | null
  | boolean
  | string
  | JsonNumber
  | readonly JsonValue[]
  | ReadonlyMap<string, JsonValue>;

/** Why a text was refused; internal to this folder, callers wrap it in a FileError. */
export class JsonError extends Error {
  readonly kind: 'syntax' | 'duplicate-key';

  constructor(kind: 'syntax' | 'duplicate-key', message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Deep enough for any header, shallow enough that a hostile text cannot overflow the stack. */
const MAX_DEPTH = 64;

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/**
 * Parses RFC 8259 JSON and nothing beyond it.
 *
 * @throws JsonError for a syntax error (including a lone surrogate and nesting deeper than 64) and for a key that occurs
 * twice in one object.
 */
export function parseStrictJson(text: string): JsonValue {
  const reader = new Reader(text);
  reader.space();
  const value = reader.value(0);
  reader.space();
  if (reader.position < text.length) throw reader.syntax('the text goes on after the value');
  return value;
}

class Reader {
  readonly text: string;
  position = 0;

  constructor(text: string) {
    this.text = text;
  }

  syntax(what: string): JsonError {
    return new JsonError('syntax', `${what} (character ${this.position})`);
  }

  space(): void {
    for (;;) {
      const c = this.text.charCodeAt(this.position);
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return;
      this.position++;
    }
  }

  value(depth: number): JsonValue {
    if (depth > MAX_DEPTH) throw this.syntax(`nested deeper than ${MAX_DEPTH}`);
    const c = this.text[this.position];
    if (c === '{') return this.object(depth);
    if (c === '[') return this.array(depth);
    if (c === '"') return this.string();
    if (c === 't') return this.literal('true', true);
    if (c === 'f') return this.literal('false', false);
    if (c === 'n') return this.literal('null', null);
    return this.number();
  }

  private literal<T>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.position)) throw this.syntax('a value was expected');
    this.position += word.length;
    return value;
  }

  private number(): JsonNumber {
    NUMBER.lastIndex = this.position;
    const match = NUMBER.exec(this.text);
    if (match === null) throw this.syntax('a value was expected');
    this.position += match[0].length;
    return new JsonNumber(match[0]);
  }

  private object(depth: number): Map<string, JsonValue> {
    const entries = new Map<string, JsonValue>();
    this.position++;
    this.space();
    if (this.take('}')) return entries;
    for (;;) {
      if (this.text[this.position] !== '"') throw this.syntax('a key in double quotes was expected');
      const key = this.string();
      if (entries.has(key))
        throw new JsonError('duplicate-key', `the key ${JSON.stringify(key)} occurs twice`);
      this.space();
      if (!this.take(':')) throw this.syntax('a colon was expected');
      this.space();
      entries.set(key, this.value(depth + 1));
      this.space();
      if (this.take('}')) return entries;
      if (!this.take(',')) throw this.syntax('a comma or } was expected');
      this.space();
    }
  }

  private array(depth: number): JsonValue[] {
    const items: JsonValue[] = [];
    this.position++;
    this.space();
    if (this.take(']')) return items;
    for (;;) {
      items.push(this.value(depth + 1));
      this.space();
      if (this.take(']')) return items;
      if (!this.take(',')) throw this.syntax('a comma or ] was expected');
      this.space();
    }
  }

  private take(c: string): boolean {
    if (this.text[this.position] !== c) return false;
    this.position++;
    return true;
  }

  private string(): string {
    let start = ++this.position;
    let built = '';
    for (;;) {
      const c = this.text.charCodeAt(this.position);
      if (Number.isNaN(c)) throw this.syntax('a string does not end');
      if (c < 0x20) throw this.syntax('a control character stands in a string');
      if (c === 0x22) {
        const string = built + this.text.slice(start, this.position++);
        if (/\p{Surrogate}/u.test(string)) throw this.syntax('a string holds half of a surrogate pair');
        return string;
      }
      if (c === 0x5c) {
        built += this.text.slice(start, this.position++) + this.escape();
        start = this.position;
      } else {
        this.position++;
      }
    }
  }

  private escape(): string {
    const c = this.text[this.position++] ?? '';
    if (c === 'u') {
      const digits = this.text.slice(this.position, this.position + 4);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.syntax('\\u needs four hexadecimal digits');
      this.position += 4;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const plain = Object.hasOwn(ESCAPES, c) ? ESCAPES[c] : undefined;
    if (plain === undefined) throw this.syntax('an unknown escape');
    return plain;
  }
}
