/** Results of work on each item, in order, with up to `count` items being worked on at a time. */
export async function* ahead<T, R>(
  items: Iterable<T>,
  count: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R> {
  const waiting: Promise<R>[] = [];
  const iterator = items[Symbol.iterator]();
  const start = () => {
    const next = iterator.next();
    if (next.done) return;
    const result = work(next.value);
    // Where the consumer stops early, nobody awaits what was begun.
    result.catch(() => undefined);
    waiting.push(result);
  };
  for (let i = 0; i < count; i++) start();
  for (let result = waiting.shift(); result !== undefined; result = waiting.shift()) {
    const value = await result;
    start();
    yield value;
  }
}
