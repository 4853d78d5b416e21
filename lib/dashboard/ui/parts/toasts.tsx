import { useEffect, useState } from 'preact/hooks';
import { Button } from './button.js';

/** How something went. */
export interface Toast {
  readonly text: string;
  readonly failed?: boolean;
  /** Takes it back, where that can be done. */
  readonly undo?: () => void;
}

interface ShownToast extends Toast {
  readonly id: number;
}

/** Long enough to read it and to reach its button. */
const SHOWN_MS = 10_000;

let last = 0;
const listeners = new Set<(toast: ShownToast) => void>();

/** Says how something went, on any page. */
export function tell(toast: Toast): void {
  last += 1;
  for (const listener of listeners) listener({ ...toast, id: last });
}

export function Toasts() {
  const [toasts, setToasts] = useState<readonly ShownToast[]>([]);
  const close = (id: number) => setToasts((all) => all.filter((toast) => toast.id !== id));
  useEffect(() => {
    const add = (toast: ShownToast) => {
      setToasts((all) => [...all.slice(-2), toast]);
      setTimeout(() => close(toast.id), SHOWN_MS);
    };
    listeners.add(add);
    return () => void listeners.delete(add);
  }, []);
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.map(({ id, text, failed, undo }) => (
        <div key={id} class={`toast ${failed ? 'red' : 'green'}`}>
          <span>{text}</span>
          {undo && (
            <Button
              kind="plain"
              small
              onClick={() => {
                close(id);
                undo();
              }}
            >
              Undo
            </Button>
          )}
          <Button kind="plain" small label="Close this message" onClick={() => close(id)}>
            ×
          </Button>
        </div>
      ))}
    </div>
  );
}
