/** Removes an item from an array whose order does not matter: the last one takes its place. False when it is not there. */
export function swapRemove<T>(items: T[], item: T): boolean {
  const at = items.indexOf(item);
  if (at < 0) return false;
  const last = items.pop()!;
  if (at < items.length) items[at] = last;
  return true;
}
