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

  /** What the stock service has reported; empty until then. The rest of the pieces follows later. */
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
   * The job of this order. Its gid is the library's: DTM remembers a job that was rolled back, so that an order
   * that is placed again could not have a gid made of its number.
   */
  @Column()
  jobGid!: string;

  @CreateDateColumn({ type: 'timestamptz' })
  placedAt!: Date;

  @OneToMany(() => OrderLine, (line) => line.order, { cascade: true })
  lines!: OrderLine[];
}
