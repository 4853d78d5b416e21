import { IsIn, IsInt, IsString } from 'class-validator';

export class OrderEventDto {
  @IsIn(['order.placed'])
  event!: string;

  @IsString()
  orderNumber!: string;

  @IsInt()
  totalCents!: number;
}
