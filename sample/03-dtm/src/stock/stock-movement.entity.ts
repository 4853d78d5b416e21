import { Column, CreateDateColumn, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** What an order took of an article. No unique key keeps an order from reserving twice: the inbox does. */
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
