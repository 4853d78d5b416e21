import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { Button } from './button.js';

/** What the library keeps of a reason. */
const MAX_REASON = 1000;

/**
 * Asks for a reason before something is done. The browser keeps the focus inside and closes it with Escape; afterwards the focus is where it was.
 *
 * @param onConfirm does it. What it throws is shown, and the dialog stays.
 */
export function Dialog({
  title,
  confirm,
  text,
  danger = false,
  wide = false,
  optional = false,
  ready = true,
  onConfirm,
  onClose,
  children,
}: {
  readonly title: string;
  /** What the button says: the verb and the number. */
  readonly confirm: string;
  /** What will happen. */
  readonly text: ComponentChildren;
  readonly danger?: boolean;
  /** Room for a text of many lines. */
  readonly wide?: boolean;
  /** It can be done without a reason. */
  readonly optional?: boolean;
  /** False: something is missing yet. */
  readonly ready?: boolean;
  /** The reason is empty where none was given. */
  readonly onConfirm: (reason: string) => Promise<void>;
  readonly onClose: () => void;
  /** What else is asked. */
  readonly children?: ComponentChildren;
}) {
  const element = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const [reason, setReason] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const given = reason.trim();
  const possible = ready && !busy && (optional || given !== '');

  useEffect(() => {
    element.current!.showModal();
  }, []);

  const submit = async (event: Event) => {
    event.preventDefault();
    if (!possible) return;
    setBusy(true);
    setError(undefined);
    try {
      await onConfirm(given);
      element.current?.close();
    } catch (thrown) {
      setError((thrown as Error).message);
      setBusy(false);
    }
  };

  return (
    <dialog ref={element} class={`dialog${wide ? ' wide' : ''}`} aria-labelledby={heading} onClose={onClose}>
      <form method="dialog" onSubmit={(event) => void submit(event)}>
        <h2 id={heading}>{title}</h2>
        {text}
        <label class="field">
          Reason{optional && ' (optional)'}
          <input
            class="input"
            maxLength={MAX_REASON}
            required={!optional}
            autoComplete="off"
            placeholder="Kept in the audit"
            value={reason}
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        </label>
        {children}
        <p role="alert" class="field-error">
          {error}
        </p>
        <div class="dialog-foot">
          <Button onClick={() => element.current?.close()}>{danger ? 'Go back' : 'Cancel'}</Button>
          <button class={`button ${danger ? 'danger' : 'primary'}`} disabled={!possible}>
            {busy ? 'Working…' : confirm}
          </button>
        </div>
      </form>
    </dialog>
  );
}
