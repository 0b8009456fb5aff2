import { ApiProperty } from '@nestjs/swagger';
import { AuditEntryDto } from '../audit/audit.dto.js';
import { Instant, Nested, NestedList } from '../common/fields.js';
import { DemoSessionDto } from '../demos/demo-sessions.dto.js';
import { ClientDto } from './clients.dto.js';

type Rows = Record<string, unknown>[];

const Part = (description: string) =>
  ApiProperty({ type: 'array', items: { type: 'object', additionalProperties: true }, description });

/** Everything held about one person. */
export class ClientExportDto {
  @Instant() exportedAt!: Date;
  @Nested(() => ClientDto) client!: ClientDto;
  @Part('The e-mail as it signs in, and whether there is a password.') credentials!: Rows;
  @Part('Invitations and password resets still open.') links!: Rows;
  @Part('Sign-ins, with address and browser.') sessions!: Rows;
  @Part('The access window as it stood from `at` on.') accessHistory!: Rows;
  @Part('Grants, those that were taken away too.') grants!: Rows;
  @Part('Demos not asked for yet.') basket!: Rows;
  @Part('What was asked for, and the decision.') requests!: Rows;
  @Part('The demos of the requests.') requestItems!: Rows;
  @NestedList(() => DemoSessionDto) demoSessions!: DemoSessionDto[];
  @Part('Usage events.') usage!: Rows;
  @Part('Usage by day.') usageByDay!: Rows;
  @Part('The inbox.') notifications!: Rows;
  @Part('Mails, without what they said.') mails!: Rows;
  @NestedList(() => AuditEntryDto, { description: 'Entries that name the client or that the client made.' })
  audit!: AuditEntryDto[];
}
