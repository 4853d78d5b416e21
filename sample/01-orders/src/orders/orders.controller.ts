import { Body, Controller, Get, HttpCode, Param, Patch, Post } from '@nestjs/common';
import { CorrectEmailDto } from './dto/correct-email.dto.js';
import type { OrderViewDto } from './dto/order-view.dto.js';
import { PlaceOrderDto } from './dto/place-order.dto.js';
import { OrderImportService, type ImportResult } from './order-import.service.js';
import { OrdersService } from './orders.service.js';

@Controller('orders')
export class OrdersController {
  constructor(
    private readonly orders: OrdersService,
    private readonly imports: OrderImportService,
  ) {}

  @Post()
  async place(@Body() dto: PlaceOrderDto): Promise<{ number: string; totalCents: number }> {
    const { number, totalCents } = await this.orders.place(dto);
    return { number, totalCents };
  }

  /** Places the orders of the CSV file that are not there yet. */
  @Post('import')
  @HttpCode(200)
  import(): Promise<ImportResult> {
    return this.imports.run();
  }

  @Get(':number')
  find(@Param('number') number: string): Promise<OrderViewDto> {
    return this.orders.find(number);
  }

  /** A new address for an order; a confirmation that was refused is sent again. */
  @Patch(':number')
  @HttpCode(204)
  correctEmail(@Param('number') number: string, @Body() dto: CorrectEmailDto): Promise<void> {
    return this.orders.correctEmail(number, dto.customerEmail);
  }
}
