import type { JobsQuery } from '../../api.js';
import { CHIP_TEXTS, chipsOf } from './job-query.js';
import { Select } from './select.js';

/** In milliseconds. */
const SPANS = [
  ['', 'Any time'],
  ['3600000', 'Last hour'],
  ['86400000', 'Last 24 hours'],
  ['604800000', 'Last 7 days'],
] as const;
/** A time that an address carries: its chip tells which. */
const CHOSEN = 'chosen';

type OnFilter = (filters: { readonly [K in keyof JobsQuery]?: string | undefined }) => void;

/** The conditions that are set; each can be taken away. */
export function JobChips({ query, onFilter }: { readonly query: JobsQuery; readonly onFilter: OnFilter }) {
  const chips = chipsOf(query);
  if (chips.length === 0) return null;
  return (
    <ul class="chips" aria-label="Filters">
      {chips.map(([key, value]) => (
        <li key={key} class="chip">
          <span class="quiet">{CHIP_TEXTS[key]}</span> <span class="cut">{value}</span>
          <button
            type="button"
            aria-label={`Remove the filter: ${CHIP_TEXTS[key]} ${value}`}
            onClick={() => onFilter({ [key]: undefined })}
          >
            ×
          </button>
        </li>
      ))}
    </ul>
  );
}

/** From when on jobs were created. */
export function CreatedFilter({
  query: { after },
  onFilter,
}: {
  readonly query: JobsQuery;
  readonly onFilter: OnFilter;
}) {
  return (
    <Select
      label="Created"
      value={after === undefined ? '' : CHOSEN}
      options={after === undefined ? SPANS : [...SPANS, [CHOSEN, 'Since then']]}
      onChoose={(span) =>
        onFilter({ after: span === '' ? undefined : new Date(Date.now() - Number(span)).toISOString() })
      }
    />
  );
}
