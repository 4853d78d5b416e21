import { Body, Controller, Get, HttpCode, Param, Post, Put } from '@nestjs/common';
import { IdempotencyKey } from '../inbox/idempotency-key.decorator.js';
import type { OrderViewDto } from './dto/order-view.dto.js';
import { PlaceOrderDto } from './dto/place-order.dto.js';
import { ReservationReportDto } from './dto/reservation-report.dto.js';
import { OrdersService } from './orders.service.js';

@Controller('orders')
export class OrdersController {
  constructor(private readonly orders: OrdersService) {}

  @Post()
  async place(@Body() dto: PlaceOrderDto): Promise<{ number: string; totalCents: number }> {
    const { number, totalCents } = await this.orders.place(dto);
    return { number, totalCents };
  }

  @Get(':number')
  find(@Param('number') number: string): Promise<OrderViewDto> {
    return this.orders.find(number);
  }

  /** For the stock service. */
  @Put(':number/reservation')
  @HttpCode(204)
  async noteReservation(
    @Param('number') number: string,
    @Body() report: ReservationReportDto,
    @IdempotencyKey() requestKey: string,
  ): Promise<void> {
    await this.orders.noteReservation(number, report, requestKey);
  }
}
