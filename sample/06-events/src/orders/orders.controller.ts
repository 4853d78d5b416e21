import { Body, Controller, Get, Param, Post } from '@nestjs/common';
import type { OrderViewDto } from './dto/order-view.dto.js';
import { PlaceOrderDto } from './dto/place-order.dto.js';
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
}
