/** Another text in place of one token. */
export interface Mutation {
  /** From the repository's root, with `/`. */
  readonly file: string;
  /** Of the token in the file's text. */
  readonly offset: number;
  readonly token: string;
  readonly replacement: string;
}

/** What a tokenizer finds in one text; the file is added where the text was read. */
export type Edit = Omit<Mutation, 'file'>;

export function mutate(source: string, { offset, token, replacement }: Edit): string {
  const after = offset + token.length;
  if (source.slice(offset, after) !== token) throw new Error(`there is no ${token} at ${offset}`);
  return source.slice(0, offset) + replacement + source.slice(after);
}

export interface Place {
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** The line without the spaces around it. */
  readonly text: string;
  /** Where the token stands in `text`, from 0. */
  readonly at: number;
}

export function placeOf(source: string, { offset }: Pick<Edit, 'offset'>): Place {
  const start = source.lastIndexOf('\n', offset - 1) + 1;
  const end = source.indexOf('\n', offset);
  const line = source.slice(start, end < 0 ? undefined : end);
  const indent = line.length - line.trimStart().length;
  const column = offset - start;
  return {
    line: source.slice(0, start).split('\n').length,
    column: column + 1,
    text: line.trim(),
    at: column - indent,
  };
}

/** `file:line:column  token → replacement  |  the line`. */
export function describeMutation(source: string, mutation: Mutation): string {
  const { line, column, text } = placeOf(source, mutation);
  const { file, token, replacement } = mutation;
  return `${file}:${line}:${column}  ${token} → ${replacement || '(nothing)'}  |  ${text}`;
}
