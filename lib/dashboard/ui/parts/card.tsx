import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

/** A part of a page with a heading of its own. */
export function Card({
  title,
  note,
  aside,
  children,
}: {
  readonly title: string;
  /** Said quietly beside the title. */
  readonly note?: ComponentChildren;
  /** At the end of the heading. */
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
}) {
  const heading = useId();
  return (
    <section class="card" aria-labelledby={heading}>
      <div class="card-head">
        <h2 id={heading}>
          {title}
          {note && <span class="card-note">{note}</span>}
        </h2>
        {aside}
      </div>
      {children}
    </section>
  );
}
