import type { ComponentChildren } from 'preact';
import type { Missing } from '../../api.js';
import type { RequestError } from '../server.js';
import { href } from '../route.js';
import { Button } from './button.js';

/** There is nothing: what that means, and what to do. */
export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <strong>{title}</strong>
      {children}
    </div>
  );
}

/** A request has failed; what was known stays on the page. */
export function Failure({
  error,
  retry,
}: {
  readonly error: RequestError | undefined;
  readonly retry: () => void;
}) {
  if (!error) return null;
  return (
    <div class="notice red" role="alert">
      <span>{error.message}</span>
      <Button small onClick={retry}>
        Try again
      </Button>
    </div>
  );
}

/** What of several stores is not on the page. */
export function NotAsked({ answer }: { readonly answer: Missing | undefined }) {
  return answer?.missing ? <p class="notice red">{missingText(answer.missing)}</p> : null;
}

export function missingText(missing: Missing['missing'] = []): string {
  const names = missing.map(({ dataSource }) => dataSource).join(', ');
  return names && `${names} could not be asked: its jobs are left out.`;
}

/** What this transaction manager cannot tell. */
export function Unavailable({ reason }: { readonly reason: string }) {
  return (
    <Empty title="Not available here">
      <p>{reason}</p>
      <a href={href('jobs')}>Show the jobs</a>
    </Empty>
  );
}
