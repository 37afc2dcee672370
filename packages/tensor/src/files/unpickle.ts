import { OP, opcodeName } from './pickle-opcodes.ts';
import { PickleReader } from './pickle-reader.ts';
import { type PthRefusal, RESAVE } from './pth-refusal.ts';

/** A name such as `torch._utils._rebuild_tensor_v2` that the pickle may refer to. */
export class PickleGlobal {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }
}

/** A value that the environment made and the unpickler only carries about. */
export abstract class PickleOpaque {
  /** With its article, for messages: `a storage`. */
  abstract readonly description: string;
}

export class PickleTuple {
  readonly kind = 'tuple';
  readonly items: readonly PickleValue[];

  constructor(items: readonly PickleValue[]) {
    this.items = items;
  }
}

export class PickleList {
  readonly kind = 'list';
  readonly items: PickleValue[] = [];
}

export class PickleDict {
  readonly entries = new Map<PickleValue, PickleValue>();
  /** Whether it is a collections.OrderedDict, whose attributes (BUILD) are dropped. */
  readonly ordered: boolean;

  constructor(ordered: boolean) {
    this.ordered = ordered;
  }
}

export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleTuple
  | PickleList
  | PickleDict
  | PickleGlobal
  | PickleOpaque;

/** What the pickle may reach outside itself. Each method throws for what it does not know. */
export interface PickleEnvironment {
  global(module: string, name: string): PickleGlobal;
  call(callee: PickleGlobal, args: readonly PickleValue[]): PickleValue;
  persistent(id: PickleValue): PickleValue;
}

/** A tensor takes about 40. The limit is there because one byte, an empty dict, takes 200 bytes of memory. */
const MAX_OPCODES = 2_000_000;

/**
 * Runs a pickle of protocol 2 to 5 on a machine that knows plain containers and scalars; everything else goes through
 * `environment`. There is no way to code: no import, no attribute access, no object construction.
 *
 * Every opcode costs time and memory in proportion to the bytes that it reads or the stack that it consumes.
 * The result may share and (through lists and dicts) contain itself.
 *
 * @throws what `refuse` makes: `opcode` (named), `pickle` (damaged), `too-large`, and what the environment refuses.
 */
export function unpickle(bytes: Uint8Array, environment: PickleEnvironment, refuse: PthRefusal): PickleValue {
  return new Machine(bytes, environment, refuse).run();
}

class Machine {
  private readonly reader: PickleReader;
  private readonly environment: PickleEnvironment;
  private readonly refuse: PthRefusal;
  private readonly stack: PickleValue[] = [];
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, PickleValue>();

  constructor(bytes: Uint8Array, environment: PickleEnvironment, refuse: PthRefusal) {
    this.reader = new PickleReader(bytes, refuse);
    this.environment = environment;
    this.refuse = refuse;
  }

  run(): PickleValue {
    const { reader } = this;
    const protocol = reader.uint8() === OP.PROTO ? reader.uint8() : 0;
    if (protocol < 2 || protocol > 5) throw reader.damaged('it does not begin with a protocol from 2 to 5');
    let opcodes = 0;
    for (let code = reader.uint8(); code !== OP.STOP; code = reader.uint8()) {
      if (++opcodes > MAX_OPCODES) {
        throw this.refuse('too-large', `the pickle has more than ${MAX_OPCODES} opcodes`, RESAVE);
      }
      const value = this.produce(code);
      if (value === undefined) this.act(code);
      else this.stack.push(value);
    }
    const result = this.pop();
    if (this.stack.length > 0 || this.marks.length > 0) throw reader.damaged('values are left on its stack');
    if (!reader.atEnd) throw reader.damaged('bytes follow its end');
    return result;
  }

  /** The value that an opcode puts on the stack, or undefined for one that does something else. */
  private produce(code: number): PickleValue | undefined {
    const { reader } = this;
    switch (code) {
      case OP.NONE:
        return null;
      case OP.NEWTRUE:
        return true;
      case OP.NEWFALSE:
        return false;
      case OP.BININT:
        return reader.int32();
      case OP.BININT1:
        return reader.uint8();
      case OP.BININT2:
        return reader.uint16();
      case OP.LONG1:
        return reader.long(reader.uint8());
      case OP.LONG4:
        return reader.long(reader.uint32());
      case OP.BINFLOAT:
        return reader.float64();
      case OP.SHORT_BINUNICODE:
        return reader.text(reader.uint8());
      case OP.BINUNICODE:
        return reader.text(reader.uint32());
      case OP.BINUNICODE8:
        return reader.text(reader.uint64());
      case OP.SHORT_BINBYTES:
        return reader.raw(reader.uint8());
      case OP.BINBYTES:
        return reader.raw(reader.uint32());
      case OP.BINBYTES8:
        return reader.raw(reader.uint64());
      case OP.EMPTY_TUPLE:
        return this.tuple(0);
      case OP.TUPLE1:
        return this.tuple(1);
      case OP.TUPLE2:
        return this.tuple(2);
      case OP.TUPLE3:
        return this.tuple(3);
      case OP.TUPLE:
        return new PickleTuple(this.popToMark());
      case OP.EMPTY_LIST:
        return new PickleList();
      case OP.EMPTY_DICT:
        return new PickleDict(false);
      case OP.BINGET:
        return this.recall(reader.uint8());
      case OP.LONG_BINGET:
        return this.recall(reader.uint32());
      case OP.GLOBAL:
        return this.environment.global(reader.line(), reader.line());
      case OP.STACK_GLOBAL:
        return this.stackGlobal();
      case OP.BINPERSID:
        return this.environment.persistent(this.pop());
      case OP.REDUCE:
        return this.reduce();
      default:
        return undefined;
    }
  }

  /** Runs an opcode that changes what is there. */
  private act(code: number): void {
    const { reader } = this;
    switch (code) {
      case OP.FRAME:
        // A hint for buffered reading: the frame's contents are run as if it were not there.
        reader.expect(reader.uint64());
        break;
      case OP.MARK:
        this.marks.push(this.stack.length);
        break;
      case OP.APPEND:
        this.append([this.pop()]);
        break;
      case OP.APPENDS:
        this.append(this.popToMark());
        break;
      case OP.SETITEM:
        this.setItems(this.popMany(2));
        break;
      case OP.SETITEMS:
        this.setItems(this.popToMark());
        break;
      case OP.BINPUT:
        this.memo.set(reader.uint8(), this.top());
        break;
      case OP.LONG_BINPUT:
        this.memo.set(reader.uint32(), this.top());
        break;
      case OP.MEMOIZE:
        this.memo.set(this.memo.size, this.top());
        break;
      case OP.BUILD:
        this.build();
        break;
      default:
        throw this.refuse('opcode', `the pickle uses ${opcodeName(code)}, which no tensor needs`, RESAVE);
    }
  }

  private pop(): PickleValue {
    const value = this.stack.length > (this.marks.at(-1) ?? 0) ? this.stack.pop() : undefined;
    if (value === undefined) throw this.reader.damaged('its stack runs empty');
    return value;
  }

  private popMany(count: number): PickleValue[] {
    const values: PickleValue[] = [];
    for (let i = 0; i < count; i++) values.unshift(this.pop());
    return values;
  }

  private popToMark(): PickleValue[] {
    const mark = this.marks.pop();
    if (mark === undefined) throw this.reader.damaged('a mark is missing');
    return this.stack.splice(mark);
  }

  private top(): PickleValue {
    const value = this.pop();
    this.stack.push(value);
    return value;
  }

  private tuple(length: number): PickleTuple {
    return new PickleTuple(this.popMany(length));
  }

  private append(items: readonly PickleValue[]): void {
    const list = this.top();
    if (!(list instanceof PickleList))
      throw this.reader.damaged('an item is appended to something else than a list');
    for (const item of items) list.items.push(item);
  }

  private setItems(items: readonly PickleValue[]): void {
    const dict = this.top();
    if (!(dict instanceof PickleDict))
      throw this.reader.damaged('an item is set in something else than a dict');
    if (items.length % 2 !== 0) throw this.reader.damaged('a key has no value');
    for (let i = 0; i < items.length; i += 2) dict.entries.set(items[i] ?? null, items[i + 1] ?? null);
  }

  private recall(index: number): PickleValue {
    const value = this.memo.get(index);
    if (value === undefined)
      throw this.reader.damaged(`it recalls the value ${index}, which it never stored`);
    return value;
  }

  private stackGlobal(): PickleGlobal {
    const [module, name] = this.popMany(2);
    if (typeof name === 'string' && typeof module === 'string') return this.environment.global(module, name);
    throw this.reader.damaged('a global is not named by strings');
  }

  private reduce(): PickleValue {
    const [callee, args] = this.popMany(2);
    if (!(callee instanceof PickleGlobal))
      throw this.reader.damaged('something that is not a function is called');
    if (!(args instanceof PickleTuple))
      throw this.reader.damaged(`${callee.path} is called without arguments`);
    return this.environment.call(callee, args.items);
  }

  /** Sets attributes. A state dict's one attribute, `_metadata` (module versions), is of no use here. */
  private build(): void {
    this.pop();
    const target = this.top();
    if (target instanceof PickleDict && target.ordered) return;
    throw this.refuse('opcode', 'the pickle uses BUILD (0x62) on something else than an OrderedDict', RESAVE);
  }
}
