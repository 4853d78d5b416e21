import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Range, TimelineAnswer } from '../../api.js';
import { clock, compact, counted, day, integer, percent } from '../format.js';
import { roundTicks, timeTicks } from './axis.js';
import { RANGES } from './range.js';
import './chart.css';

const HEIGHT = 256;
const TOP = 8;
const BOTTOM = 22;
const LEFT = 36;
const PLOT = HEIGHT - TOP - BOTTOM;

type Bucket = TimelineAnswer['buckets'][number];
type Numbers = Omit<Bucket, 'at'>;

/** Attempts over time: a bar for each bucket. The pointer and the arrow keys read one bar, in the line above. */
export function Chart({
  timeline,
  range,
}: {
  readonly timeline: TimelineAnswer | undefined;
  readonly range: Range;
}) {
  const [chosen, choose] = useState<string | null>(null);
  const [width, setWidth] = useState(0);
  const element = useRef<HTMLDivElement>(null);
  const buckets = timeline?.buckets ?? [];
  const last = Math.max(0, buckets.length - 1);
  const index = buckets.findIndex(({ at }) => at === chosen);
  const shown = buckets[index];
  const sum = sumOf(buckets);
  const to = (next: number) => choose(buckets[Math.min(last, Math.max(0, next))]?.at ?? null);
  const leave = () => choose(null);
  const time = shown ? spanText(shown, timeline!.bucketSeconds, range) : RANGES[range].text;

  useLayoutEffect(() => {
    const measure = () => setWidth(element.current!.clientWidth);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element.current!);
    return () => observer.disconnect();
  }, []);

  return (
    <figure class="chart">
      <Legend numbers={shown ?? sum} time={time} />
      <div
        ref={element}
        class="chart-plot"
        onPointerMove={({ offsetX }) => to(Math.floor(((offsetX - LEFT) / (width - LEFT)) * buckets.length))}
        onPointerLeave={leave}
      >
        {width > 0 && <Plot buckets={buckets} width={width} chosen={index} />}
        <input
          type="range"
          aria-label="Attempts over time; the arrow keys read a bar"
          aria-valuetext={`${time}: ${numbersText(shown ?? sum)}`}
          max={last}
          value={shown ? index : last}
          onInput={(event) => to(event.currentTarget.valueAsNumber)}
          onBlur={leave}
        />
      </div>
      <figcaption class="visually-hidden">
        {RANGES[range].text}: {numbersText(sum)}
      </figcaption>
    </figure>
  );
}

function Legend({ numbers, time }: { readonly numbers: Numbers; readonly time: string }) {
  const { succeeded, failed, gaveUp, jobsSucceeded } = numbers;
  return (
    <div class="legend">
      <span class="legend-time">{time}</span>
      <span class="legend-key">
        Succeeded <b>{integer(succeeded)}</b>
      </span>
      <span class="legend-key failed">
        Failed <b>{integer(failed)}</b>{' '}
        {failed > 0 && <span class="quiet">{percent(failed / (succeeded + failed))}</span>}
      </span>
      <span class="quiet">
        {counted(jobsSucceeded, 'job')} done{gaveUp > 0 && `, ${integer(gaveUp)} failed for good`}
      </span>
    </div>
  );
}

function Plot({
  buckets,
  width,
  chosen,
}: {
  readonly buckets: readonly Bucket[];
  readonly width: number;
  /** -1: none. */
  readonly chosen: number;
}) {
  const ticks = roundTicks(Math.max(0, ...buckets.map(({ succeeded, failed }) => succeeded + failed)), 5);
  const scale = PLOT / ticks.at(-1)!;
  const wide = (width - LEFT) / Math.max(1, buckets.length);
  const gap = wide >= 3 ? 1 : 0;
  const x = (index: number) => LEFT + Math.round(index * wide);
  /** A number that is not zero is always seen. */
  const heightOf = (count: number) => count && Math.max(1, Math.round(count * scale));
  const times = buckets.map(({ at }) => new Date(at));
  return (
    <svg width={width} height={HEIGHT} aria-hidden="true">
      {ticks.map((value) => {
        const y = Math.round(TOP + PLOT - value * scale) + 0.5;
        return (
          <g key={value}>
            <line x1={LEFT} x2={width} y1={y} y2={y} />
            <text x={LEFT - 8} y={y + 4} text-anchor="end">
              {compact(value)}
            </text>
          </g>
        );
      })}
      {buckets.map(({ at, succeeded, failed }, index) => {
        const place = { x: x(index), width: Math.max(1, x(index + 1) - x(index) - gap) };
        const low = heightOf(succeeded);
        const high = heightOf(failed);
        return (
          <g key={at}>
            {index === chosen && <rect class="chosen" {...place} y={TOP} height={PLOT} />}
            <rect class="succeeded" {...place} y={TOP + PLOT - low} height={low} />
            <rect class="failed" {...place} y={TOP + PLOT - low - high} height={high} />
          </g>
        );
      })}
      {timeTicks(times, (width - LEFT) / 64).map(({ index, text }) =>
        x(index) < LEFT + 20 || x(index) > width - 20 ? null : (
          <text key={text} x={x(index)} y={HEIGHT - 5} text-anchor="middle">
            {text}
          </text>
        ),
      )}
    </svg>
  );
}

function sumOf(buckets: readonly Bucket[]): Numbers {
  const total = (key: keyof Numbers) => buckets.reduce((sum, bucket) => sum + bucket[key], 0);
  return {
    succeeded: total('succeeded'),
    failed: total('failed'),
    gaveUp: total('gaveUp'),
    jobsSucceeded: total('jobsSucceeded'),
  };
}

function spanText({ at }: Bucket, seconds: number, range: Range): string {
  const start = new Date(at);
  const text = `${clock(start)}–${clock(new Date(start.getTime() + seconds * 1000))}`;
  return range === '1h' ? text : `${day(start)}, ${text}`;
}

function numbersText({ succeeded, failed }: Numbers): string {
  return `${counted(succeeded, 'attempt')} succeeded, ${integer(failed)} failed`;
}
