import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** A message that a step has delivered. */
@Entity('messages')
export class Message {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column()
  text!: string;
}
