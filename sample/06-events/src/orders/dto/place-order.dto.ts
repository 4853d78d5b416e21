import { Type } from 'class-transformer';
import {
  ArrayNotEmpty,
  ArrayUnique,
  IsEmail,
  IsInt,
  IsNotEmpty,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateNested,
} from 'class-validator';

export class OrderLineDto {
  @IsString()
  @IsNotEmpty()
  sku!: string;

  @IsInt()
  @Min(1)
  @Max(1000)
  quantity!: number;
}

export class PlaceOrderDto {
  /** Chosen by the client, so that an order sent twice is recognized. */
  @Matches(/^[A-Z]-\d{5}$/, { message: 'number must look like A-12345' })
  number!: string;

  @IsString()
  @IsNotEmpty()
  @MaxLength(80)
  customerName!: string;

  @IsEmail()
  customerEmail!: string;

  @ArrayNotEmpty()
  @ArrayUnique((line: OrderLineDto) => line.sku)
  @ValidateNested({ each: true })
  @Type(() => OrderLineDto)
  lines!: OrderLineDto[];
}
