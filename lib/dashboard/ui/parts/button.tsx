import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

/** A button. One that is not possible here stays in the order of the keyboard, so that its reason can be read. */
export function Button({
  kind = '',
  small = false,
  unavailable,
  onClick,
  children,
  label,
}: {
  readonly kind?: 'primary' | 'danger' | 'plain' | '';
  readonly small?: boolean;
  /** Why it cannot be used. */
  readonly unavailable?: string | undefined;
  /** Absent only where it cannot be used. */
  readonly onClick?: () => void;
  readonly children: ComponentChildren;
  /** What a screen reader says, where the text alone does not tell. */
  readonly label?: string;
}) {
  const reason = useId();
  const off = unavailable !== undefined;
  return (
    <>
      <button
        type="button"
        class={`button ${kind}${small ? ' small' : ''}`}
        aria-disabled={off || undefined}
        aria-label={label}
        aria-describedby={off ? reason : undefined}
        title={unavailable}
        onClick={() => off || onClick?.()}
      >
        {children}
      </button>
      {off && (
        <span id={reason} class="visually-hidden">
          {unavailable}
        </span>
      )}
    </>
  );
}
