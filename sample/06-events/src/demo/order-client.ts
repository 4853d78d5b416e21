import type { OrderRequest } from './order-file.js';

/** Number of concurrent requests. */
const AT_ONCE = 8;

/** A client of the order service. */
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

  /** Places all orders. Any that is refused is an error. */
  async placeAll(orders: readonly OrderRequest[]): Promise<void> {
    const unsent = [...orders];
    const worker = async (): Promise<void> => {
      for (let order = unsent.shift(); order; order = unsent.shift()) {
        const { status, message } = await this.place(order);
        if (status !== 201) throw new Error(`Order ${order.body.number} was refused: ${status} ${message}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  async get<T>(path: string): Promise<T> {
    const response = await fetch(this.url + path);
    if (!response.ok) throw new Error(`GET ${path} was answered ${response.status}`);
    return (await response.json()) as T;
  }
}
