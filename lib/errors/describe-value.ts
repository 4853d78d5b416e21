const MAX_LENGTH = 80;

/** A short text for a value in a message: long enough to recognise it, never a whole object. */
export function describeValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(cut(value));
    case 'bigint':
      return `${value}n`;
    case 'symbol':
      return cut(value.toString());
    case 'function':
      return value.name ? `the function ${cut(value.name)}` : 'a function';
    case 'object':
      return value === null ? 'null' : Array.isArray(value) ? 'an array' : describeObject(value);
    default:
      return String(value);
  }
}

/** `'a', 'b' and 'c'`, or what `none` says. */
export function describeList(items: readonly string[], none = 'none'): string {
  const quoted = items.map((item) => `'${item}'`);
  if (quoted.length < 2) return quoted[0] ?? none;
  return `${quoted.slice(0, -1).join(', ')} and ${quoted.at(-1)}`;
}

function describeObject(value: object): string {
  const name: unknown = (Object.getPrototypeOf(value) as object | null)?.constructor?.name;
  return typeof name === 'string' && name !== '' && name !== 'Object'
    ? `an instance of ${cut(name)}`
    : 'an object';
}

function cut(text: string): string {
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
}
