import { useId, useState } from 'preact/hooks';
import type { JobAnswer, JobsQuery } from '../../api.js';
import { jobHref, navigate } from '../route.js';
import { get, RequestError } from '../server.js';
import { parseSearch } from './job-query.js';
import { useSession } from './session.js';
import { tell } from './toasts.js';

/** What a gid consists of; nothing else is looked up as one. */
const GID = /^[\w.:-]{1,128}$/;

/**
 * One box for all that jobs are found by. Plain text opens the job of that id where there is one, and is a label otherwise.
 *
 * @param onFilter takes filters beside those that are set.
 */
export function JobSearch({ onFilter }: { readonly onFilter: (filters: JobsQuery) => void }) {
  const { byStep, search } = useSession().unavailable;
  const hint = useId();
  const [typed, setTyped] = useState('');

  const filterBy = (filters: JobsQuery) => {
    setTyped('');
    onFilter(filters);
  };
  const find = async () => {
    const { text, filters } = parseSearch(typed);
    const alone = Object.keys(filters).length === 0;
    if (text === '' && alone) return;
    if (!alone || !GID.test(text)) return filterBy({ ...filters, ...(text && { name: text }) });
    try {
      await get<JobAnswer>('job', { gid: text });
      navigate(jobHref(text));
    } catch (error) {
      if (error instanceof RequestError && error.status === 404) filterBy({ name: text });
      else tell({ text: (error as Error).message, failed: true });
    }
  };

  return (
    <form
      class="search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        void find();
      }}
    >
      <input
        class="input"
        type="search"
        aria-label="Find jobs"
        aria-describedby={hint}
        placeholder="Find jobs by id or label"
        autoComplete="off"
        spellcheck={false}
        value={typed}
        onInput={(event) => setTyped(event.currentTarget.value)}
      />
      <p id={hint} class="hint">
        An id, a label, or {byStep === undefined && <code>step:charge-card </code>}
        <code>name:…</code>
        {search === undefined && (
          <>
            {' '}
            <code>error:…</code> <code>args:"orderId":"o-7"</code>
          </>
        )}
      </p>
    </form>
  );
}
