import type { OrderRequest } from './order-file.js';

/** Number of concurrent requests. */
const AT_ONCE = 8;

/** The results of the orders that were sent. */
export interface SentOrders {
  readonly placed: readonly OrderRequest[];
  /** There already. */
  readonly known: readonly OrderRequest[];
  /** Sent, but the connection broke: the result is unknown. */
  readonly unanswered: readonly OrderRequest[];
  /** Not sent, because the service was gone. */
  readonly unsent: readonly OrderRequest[];
}

/** A client that places orders, and repeats those that were not answered. */
export class OrderClient {
  constructor(private readonly url: string) {}

  /** @returns the status, and what it comes with. */
  async place({ body }: OrderRequest): Promise<{ status: number; message: string }> {
    const response = await fetch(`${this.url}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const { message = '' } = (await response.json()) as { message?: string };
    return { status: response.status, message };
  }

  /** Sends orders until the service is gone, or all are sent. */
  async placeAll(orders: readonly OrderRequest[], onPlaced: (count: number) => void): Promise<SentOrders> {
    const placed: OrderRequest[] = [];
    const known: OrderRequest[] = [];
    const unanswered: OrderRequest[] = [];
    const unsent = [...orders];
    const worker = async (): Promise<void> => {
      while (unanswered.length === 0) {
        const order = unsent.shift();
        if (!order) return;
        const answer = await this.place(order).catch(() => undefined);
        if (!answer) unanswered.push(order);
        else if (answer.status === 201) onPlaced(placed.push(order));
        else if (answer.status === 409) known.push(order);
        else throw new Error(`Order ${order.body.number} was refused: ${answer.status} ${answer.message}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return { placed, known, unanswered, unsent };
  }

  async get<T>(path: string): Promise<T> {
    const response = await fetch(this.url + path);
    if (!response.ok) throw new Error(`GET ${path} was answered ${response.status}`);
    return (await response.json()) as T;
  }
}
