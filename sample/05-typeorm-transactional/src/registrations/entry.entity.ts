import { Entity, PrimaryColumn } from 'typeorm';

/** What a service has written of a registration: `<what>:<course>`, which is the id of its job as well. */
@Entity('entries')
export class Entry {
  @PrimaryColumn()
  id!: string;
}
