import { Injectable } from '@nestjs/common';
import { TokensService } from '../auth/tokens.service.js';
import { Clock } from '../common/clock.js';
import { isId } from '../common/ids.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { toImageDto, type VerifiedLaunchDto } from './demo-sessions.dto.js';
import { type Opening, openingOfSession } from './demo-sessions.queries.js';
import { refusalToOpen } from './demo-sessions.rules.js';
import { DemoSessionsService } from './demo-sessions.service.js';

/** Checks launch tokens for the demo, or for what runs it. */
@Injectable()
export class LaunchTokensService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly tokens: TokensService,
    private readonly sessions: DemoSessionsService,
  ) {}

  /**
   * Tells what a launch token stands for now. It is good as long as its demo session lives and the demo could be
   * opened; the first time activates the session.
   * @returns `active: false` for a token that is dead or none
   */
  async verify(launchToken: string): Promise<VerifiedLaunchDto> {
    const sessionId = this.tokens.readLaunchToken(launchToken);
    if (!isId(sessionId)) return { active: false };
    const seen = await this.check(sessionId);
    if (!seen || seen.sessionActivatedAt) return answer(sessionId, seen);
    const session = { ...seen, id: sessionId, openedAt: seen.sessionOpenedAt! };
    const isFirst = await this.sessions.activate(session, this.clock.now());
    // Else another one was first, or the session has just ended.
    return answer(sessionId, isFirst ? seen : await this.check(sessionId));
  }

  private async check(sessionId: string): Promise<Opening | undefined> {
    const at = this.clock.now();
    const facts = await this.uow.get(openingOfSession, { sessionId });
    return facts && !refusalToOpen(facts, at) && at < facts.sessionLapsesAt! ? facts : undefined;
  }
}

function answer(demoSessionId: string, facts: Opening | undefined): VerifiedLaunchDto {
  if (!facts) return { active: false };
  const { demoId, clientId, sessionExpiresAt } = facts;
  return {
    active: true,
    demoSessionId,
    demoId,
    clientId,
    expiresAt: sessionExpiresAt!,
    ...toImageDto(facts),
  };
}
