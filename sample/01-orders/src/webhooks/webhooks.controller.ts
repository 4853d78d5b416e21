import { BadRequestException, Body, Controller, Headers, HttpCode, Post } from '@nestjs/common';
import { OrderEventDto } from './dto/order-event.dto.js';
import { WebhooksService } from './webhooks.service.js';

/** Plays the partner that is told of orders, so that the sample needs no second service. */
@Controller('webhooks')
export class WebhooksController {
  constructor(private readonly webhooks: WebhooksService) {}

  @Post('orders')
  @HttpCode(204)
  async receive(
    @Headers('idempotency-key') idempotencyKey: string | undefined,
    @Body() event: OrderEventDto,
  ): Promise<void> {
    if (!idempotencyKey) throw new BadRequestException('The Idempotency-Key header is missing');
    await this.webhooks.receive(idempotencyKey, event);
  }
}
