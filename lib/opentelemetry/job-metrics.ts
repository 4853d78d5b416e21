import { metrics, type Attributes, type Counter, type Histogram, type Meter } from '@opentelemetry/api';
import { ERROR_TYPE, messagingAttributes, type Operation } from './conventions.js';

/** In seconds, as the conventions give them. */
const BOUNDARIES = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

interface Instruments {
  readonly sent: Counter;
  readonly sending: Histogram;
  readonly consumed: Counter;
  readonly processing: Histogram;
}

/** The metrics of the messaging conventions. Their attributes are names of steps and of error classes only. */
export class JobMetrics {
  private made: Instruments | undefined;

  constructor(private readonly scope: string) {}

  /** A start of a job, whether its transaction commits or not. */
  sent(stepName: string, seconds: number, errorType: string | undefined): void {
    const { sent, sending } = this.instruments;
    record(sent, sending, attributesOf('start', stepName, errorType), seconds);
  }

  /** An attempt of a step. */
  processed(stepName: string, seconds: number, errorType: string | undefined): void {
    const { consumed, processing } = this.instruments;
    record(consumed, processing, attributesOf('process', stepName, errorType), seconds);
  }

  /** Made with the first job: what is made before the SDK has started stays silent for good. */
  private get instruments(): Instruments {
    return (this.made ??= instrumentsOf(metrics.getMeter(this.scope)));
  }
}

function instrumentsOf(meter: Meter): Instruments {
  const counter = (name: string, description: string): Counter =>
    meter.createCounter(name, { description, unit: '{message}' });
  const histogram = (name: string, description: string): Histogram =>
    meter.createHistogram(name, {
      description,
      unit: 's',
      advice: { explicitBucketBoundaries: BOUNDARIES },
    });
  return {
    sent: counter('messaging.client.sent.messages', 'Number of jobs that were started.'),
    sending: histogram('messaging.client.operation.duration', 'Duration of starting a job.'),
    consumed: counter('messaging.client.consumed.messages', 'Number of attempts of steps.'),
    processing: histogram('messaging.process.duration', 'Duration of an attempt of a step.'),
  };
}

function record(counter: Counter, histogram: Histogram, attributes: Attributes, seconds: number): void {
  counter.add(1, attributes);
  histogram.record(seconds, attributes);
}

function attributesOf(operation: Operation, stepName: string, errorType: string | undefined): Attributes {
  const attributes = messagingAttributes(operation, stepName);
  return errorType === undefined ? attributes : { ...attributes, [ERROR_TYPE]: errorType };
}
