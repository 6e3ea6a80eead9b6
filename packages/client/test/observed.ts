// Counts what a step does with a state: every read of a property, an item or an entry, also those
// that a copy of a list takes.

export interface Operations {
  count: number;
}

/**
 * @returns `value`, seen through proxies that count. A value that a step makes of it is counted
 *   once it was observed itself. Byte arrays are counted as one.
 */
export function observerOf(operations: Operations): <Value>(value: Value) => Value {
  const proxies = new WeakMap<object, object>();
  const own = new WeakSet<object>();

  function observe<Value>(value: Value): Value {
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || own.has(value)) return value;
    const known = proxies.get(value);
    if (known !== undefined) return known as Value;
    const proxy = value instanceof Map ? observedMap(value) : observedObject(value);
    proxies.set(value, proxy);
    own.add(proxy);
    return proxy as Value;
  }

  function observedObject(value: object): object {
    return new Proxy(value, {
      get: (target, name, receiver) => {
        operations.count += 1;
        return observe(Reflect.get(target, name, receiver) as unknown);
      },
    });
  }

  function* counted<Item>(items: Iterable<Item>): Generator<Item> {
    for (const item of items) {
      operations.count += 1;
      yield observe(item);
    }
  }

  function observedMap(map: ReadonlyMap<unknown, unknown>): object {
    const entries = function* (): Generator<[unknown, unknown]> {
      for (const [key, value] of counted(map)) yield [key, observe(value)];
    };
    const methods: Record<string | symbol, unknown> = {
      get: (key: unknown) => {
        operations.count += 1;
        return observe(map.get(key));
      },
      has: (key: unknown) => map.has(key),
      size: map.size,
      keys: () => counted(map.keys()),
      values: () => counted(map.values()),
      entries,
      [Symbol.iterator]: entries,
    };
    return new Proxy(new Map(), { get: (_, name) => methods[name] });
  }

  return observe;
}
