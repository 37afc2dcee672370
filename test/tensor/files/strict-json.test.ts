/** The strict JSON reader agrees with JSON.parse wherever that one is not lossy. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  JsonError,
  JsonNumber,
  type JsonValue,
  parseStrictJson,
} from '../../../packages/tensor/src/files/strict-json.ts';

function plain(value: JsonValue): unknown {
  if (value instanceof JsonNumber) return Number(value.text);
  if (value instanceof Map) return [...value].map(([key, item]: [string, JsonValue]) => [key, plain(item)]);
  return Array.isArray(value) ? value.map(plain) : value;
}

function entries(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(entries);
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).map(([k, v]) => [k, entries(v)]);
  return value;
}

/** Integer-like keys aside, whose order an object does not keep. */
const json = fc.jsonValue({ maxDepth: 4 }).filter((value) => !/"\d+":/.test(JSON.stringify(value)));

describe('parseStrictJson', () => {
  it('reads what JSON.stringify writes, with and without white space', () => {
    fc.assert(
      fc.property(json, fc.constantFrom('', ' ', '\n\t'), (value, space) => {
        const text = JSON.stringify(value, null, space);
        expect(plain(parseStrictJson(` ${text}\r\n`))).toEqual(entries(JSON.parse(text)));
      }),
    );
  });

  it('accepts and refuses the same mutilated texts as JSON.parse', () => {
    const text = '{"a":[1,-0.5e+3,true,null],"b":{"\\u00e9\\n":"x\\"y"},"c":""}';
    const mutation = fc.record({
      at: fc.nat(text.length),
      by: fc.constantFrom(...'{}[],:"\\0-.eE tnu\n\u0001é'),
    });
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), fc.boolean(), (mutations, insert) => {
        let broken = text;
        for (const { at, by } of mutations)
          broken = broken.slice(0, at) + by + broken.slice(insert ? at : at + 1);
        let known: unknown;
        let ok = true;
        try {
          known = JSON.parse(broken);
        } catch {
          ok = false;
        }
        try {
          const value = plain(parseStrictJson(broken));
          expect(ok).toBe(true);
          if (!/"\d+"\s*:/.test(broken)) expect(value).toEqual(entries(known));
        } catch (error) {
          if (!(error instanceof JsonError)) throw error;
          if (error.kind === 'syntax') expect(ok).toBe(false);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps the digits of numbers', () => {
    const value = parseStrictJson('[9007199254740993, 1e400, -0]');
    expect((value as JsonNumber[]).map((each) => each.text)).toEqual(['9007199254740993', '1e400', '-0']);
  });

  it.each([['{"a":1,"a":1}'], ['{"a":1,"\\u0061":2}'], ['[{"":0,"":0}]'], ['{"__proto__":1,"__proto__":2}']])(
    'names the key that occurs twice in %s',
    (text) => {
      expect(() => parseStrictJson(text)).toThrow(expect.objectContaining({ kind: 'duplicate-key' }));
    },
  );

  it.each([['"\\ud800"'], ['"\\udc00\\ud800"'], ['{"\\ud83d":1}'], [`${'['.repeat(100_000)}`], ['']])(
    'refuses %.20s',
    (text) => {
      expect(() => parseStrictJson(text)).toThrow(expect.objectContaining({ kind: 'syntax' }));
    },
  );

  it('accepts a surrogate pair written as two escapes', () => {
    expect(parseStrictJson('"\\ud83d\\ude00"')).toBe('😀');
  });
});
