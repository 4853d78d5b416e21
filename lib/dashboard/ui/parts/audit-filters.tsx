import { useEffect, useState } from 'preact/hooks';
import { href, replaceParameters } from '../route.js';
import { AUDIT_TEXT } from './audit-text.js';
import { Select } from './select.js';

type Filter = Readonly<Record<'action' | 'by' | 'step' | 'gid', string | undefined>>;

const ACTIONS = [['', 'Everything'] as const, ...Object.entries(AUDIT_TEXT)];
const FIELDS = [
  ['by', 'Who'],
  ['step', 'Step'],
  ['gid', 'Job'],
] as const;

/** Fields of the filter, which is kept in the address. */
export function AuditFilters({ filter }: { readonly filter: Filter }) {
  const set = (changes: Partial<Filter>) => replaceParameters('audit', { ...filter, ...changes });
  return (
    <div class="audit-filters" role="search" aria-label="Entries">
      <label class="field">
        What
        <Select value={filter.action ?? ''} options={ACTIONS} onChoose={(action) => set({ action })} />
      </label>
      {FIELDS.map(([key, text]) => (
        <label key={key} class="field">
          {text}
          <Typed value={filter[key] ?? ''} onDone={(value) => set({ [key]: value })} />
        </label>
      ))}
      {Object.values(filter).some(Boolean) && (
        <a class="button plain" href={href('audit')}>
          Clear
        </a>
      )}
    </div>
  );
}

/** Keeps what is typed until it is done: the page is drawn again with every poll. */
function Typed({ value, onDone }: { readonly value: string; readonly onDone: (value: string) => void }) {
  const [typed, setTyped] = useState(value);
  useEffect(() => setTyped(value), [value]);
  return (
    <input
      class="input"
      type="search"
      value={typed}
      spellcheck={false}
      onInput={(event) => setTyped(event.currentTarget.value)}
      onChange={() => onDone(typed.trim())}
    />
  );
}
