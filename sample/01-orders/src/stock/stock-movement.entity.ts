import { Column, CreateDateColumn, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/**
 * How much of an article an order has reserved.
 *
 * No unique key keeps an order from reserving twice: the step that writes it is transactional.
 */
@Entity('stock_movements')
export class StockMovement {
  @PrimaryGeneratedColumn()
  id!: number;

  @Index()
  @Column()
  orderNumber!: string;

  @Column()
  sku!: string;

  @Column('integer')
  reserved!: number;

  /** Ordered pieces that were not in stock; they follow later. */
  @Column('integer')
  backOrdered!: number;

  @CreateDateColumn()
  createdAt!: Date;
}
