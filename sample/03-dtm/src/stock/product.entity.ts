import { Column, Entity, PrimaryColumn } from 'typeorm';

@Entity('products')
export class Product {
  @PrimaryColumn()
  sku!: string;

  @Column()
  name!: string;

  /** Pieces in stock that no order has reserved. */
  @Column('integer')
  available!: number;
}
