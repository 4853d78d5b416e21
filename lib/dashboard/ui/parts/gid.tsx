import { jobHref } from '../route.js';
import { Copy } from './copy.js';

/** Two ends of it tell ids apart: the first tells when, the last which. */
const END = 8;

/** The id of a job, shortened in the middle. */
export function Gid({ gid }: { readonly gid: string }) {
  const short = gid.length > 2 * END + 4 ? `${gid.slice(0, END)}…${gid.slice(-END)}` : gid;
  return (
    <span class="gid">
      <a class="mono" href={jobHref(gid)} title={gid}>
        {short}
      </a>
      <Copy text={gid} what="the id" />
    </span>
  );
}
