import {
  Column,
  CreateDateColumn,
  Entity,
  ManyToOne,
  OneToMany,
  PrimaryColumn,
  PrimaryGeneratedColumn,
  type Relation,
} from 'typeorm';

@Entity('order_lines')
export class OrderLine {
  @PrimaryGeneratedColumn()
  id!: number;

  @ManyToOne(() => Order, (order) => order.lines, { nullable: false })
  order!: Relation<Order>;

  @Column()
  sku!: string;

  @Column('integer')
  quantity!: number;

  @Column('integer')
  unitPriceCents!: number;

  /** What the stock service has reported; empty until then. Missing pieces follow later. */
  @Column('integer', { nullable: true })
  reserved!: number | null;
}

@Entity('orders')
export class Order {
  @PrimaryColumn()
  number!: string;

  @Column()
  customerName!: string;

  @Column()
  customerEmail!: string;

  @Column('integer')
  totalCents!: number;

  /**
   * The job of this order. The library chose the gid. A gid made of the order number could not be used again after a
   * rollback, because DTM remembers it.
   */
  @Column()
  jobGid!: string;

  @CreateDateColumn({ type: 'timestamptz' })
  placedAt!: Date;

  @OneToMany(() => OrderLine, (line) => line.order, { cascade: true })
  lines!: OrderLine[];
}
