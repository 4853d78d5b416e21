import { tell } from './toasts.js';

/** Copies a text to the clipboard. */
export function Copy({ text, what }: { readonly text: string; readonly what: string }) {
  const copy = () =>
    write(text).then(
      () => tell({ text: `Copied ${what}.` }),
      () => tell({ text: 'Copying is not allowed here.', failed: true }),
    );
  return (
    <button
      type="button"
      class="copy"
      aria-label={`Copy ${what}`}
      title={`Copy ${what}`}
      onClick={() => void copy()}
    >
      <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">
        <path d="M5 5h7v7H5zM3.5 9H2V2h7v1.5" />
      </svg>
    </button>
  );
}

/** Pages that are not served by HTTPS have no clipboard of their own. */
async function write(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  if (!done) throw new Error('refused');
}
