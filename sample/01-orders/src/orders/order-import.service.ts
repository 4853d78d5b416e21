import { ConflictException, HttpException, Injectable } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { validate } from 'class-validator';
import { FIXTURES } from '../config/shop.config.js';
import { PlaceOrderDto } from './dto/place-order.dto.js';
import { readOrderCsv, type OrderCsvRow } from './order-csv.js';
import { OrdersService } from './orders.service.js';

export interface ImportResult {
  readonly placed: number;
  /** Orders that exist already, for example from an interrupted import. */
  readonly skipped: number;
  readonly rejected: readonly { readonly number: string; readonly reason: string }[];
}

@Injectable()
export class OrderImportService {
  constructor(private readonly orders: OrdersService) {}

  /** Each order is a separate transaction. Orders placed by an interrupted import stay. */
  async run(): Promise<ImportResult> {
    let placed = 0;
    let skipped = 0;
    const rejected: { number: string; reason: string }[] = [];
    for (const rows of await readOrderCsv(FIXTURES.orders)) {
      const dto = orderOf(rows);
      try {
        const [problem] = await validate(dto);
        if (problem) {
          rejected.push({ number: dto.number, reason: problem.toString() });
          continue;
        }
        await this.orders.place(dto);
        placed += 1;
      } catch (error) {
        if (error instanceof ConflictException) skipped += 1;
        else if (error instanceof HttpException) rejected.push({ number: dto.number, reason: error.message });
        else throw error;
      }
    }
    return { placed, skipped, rejected };
  }
}

function orderOf(rows: readonly OrderCsvRow[]): PlaceOrderDto {
  const row = rows[0]!;
  return plainToInstance(PlaceOrderDto, {
    number: row.order_number,
    orderedAt: row.ordered_at,
    customerName: row.customer_name,
    customerEmail: row.customer_email,
    street: row.street,
    postalCode: row.postal_code,
    city: row.city,
    country: row.country,
    lines: rows.map(({ sku, quantity }) => ({ sku, quantity: Number(quantity) })),
  });
}
