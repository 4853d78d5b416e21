/** The expected result for a row and its job. */
export interface Fate {
  readonly id: string;
  readonly caller: 'commits' | 'rolls back';
  readonly propagation: string;
  readonly stays: boolean;
  readonly because: string;
}

/** The content of the tables at the end. */
export interface Found {
  readonly rows: readonly string[];
  readonly messages: readonly string[];
}

export const FATES: readonly Fate[] = [
  fate('seat:pottery', 'commits', 'REQUIRED', true, "they belong to the caller's transaction"),
  fate('audit:pottery', 'commits', 'REQUIRES_NEW', true, 'they belong to a transaction of their own'),
  fate('notice:pottery', 'commits', 'NOT_SUPPORTED', true, 'they belong to none'),
  fate('seat:welding', 'rolls back', 'REQUIRED', false, "they belong to the caller's transaction"),
  fate('audit:welding', 'rolls back', 'REQUIRES_NEW', true, 'they belong to a transaction of their own'),
  fate('notice:welding', 'rolls back', 'NOT_SUPPORTED', true, 'they belong to none'),
];

/** Differences, one sentence each. */
export function compareFates({ rows, messages }: Found): string[] {
  return FATES.flatMap(({ id, stays }) => {
    const expected = stays ? 1 : 0;
    const [stored, ran] = [rows, messages].map((found) => found.filter((one) => one === id).length);
    if (stored === expected && ran === expected) return [];
    return [`${id}: ${stored} rows, and its job ran ${ran} times; both should be ${expected}`];
  });
}

function fate(
  id: string,
  caller: Fate['caller'],
  propagation: string,
  stays: boolean,
  because: string,
): Fate {
  return { id, caller, propagation, stays, because };
}
