import { Type } from 'class-transformer';
import { ArrayNotEmpty, IsInt, IsString, Min, ValidateNested } from 'class-validator';

export class ReservedLine {
  @IsString()
  sku!: string;

  @IsInt()
  @Min(1)
  quantity!: number;
}

/** The arguments of `ReserveStock`. Jobs are stored with them, so they change only in compatible ways. */
export class StockReservation {
  @IsString()
  orderNumber!: string;

  @ArrayNotEmpty()
  @ValidateNested({ each: true })
  @Type(() => ReservedLine)
  lines!: ReservedLine[];
}
