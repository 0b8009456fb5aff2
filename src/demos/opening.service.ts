import { Injectable } from '@nestjs/common';
import { TokensService } from '../auth/tokens.service.js';
import { Clock } from '../common/clock.js';
import { newId } from '../common/ids.js';
import { Problem } from '../common/problem.js';
import { UnitOfWork } from '../database/unit-of-work.js';
import { SettingsService } from '../settings/settings.service.js';
import type { DemoSession } from './demo-session.entity.js';
import { type OpenedDemoDto, toImageDto } from './demo-sessions.dto.js';
import { holdAccess, opening, type Opening } from './demo-sessions.queries.js';
import {
  type Clocks,
  clocksFrom,
  launchAddress,
  type LiveCaps,
  refusalToOpen,
} from './demo-sessions.rules.js';
import { DemoSessionsService } from './demo-sessions.service.js';
import { takeTurn } from './turns.js';

/** The session as the answer shows it. */
type Shown = Pick<DemoSession, 'id' | 'openedAt' | 'expiresAt'>;

interface OpeningSettings {
  clocks: Clocks;
  caps: LiveCaps;
  template: string | null;
}

/** Opens demos: whether a client may, where the demo is, and for how long. */
@Injectable()
export class OpeningService {
  constructor(
    private readonly uow: UnitOfWork,
    private readonly clock: Clock,
    private readonly settings: SettingsService,
    private readonly tokens: TokensService,
    private readonly sessions: DemoSessionsService,
  ) {}

  /**
   * Opens a demo for a client, or hands out the session that is live, with a fresh launch token.
   * @returns the answer, and whether the session is a new one
   * @throws Problem `not-found`, `demo-not-granted`, `launch-unavailable`, `too-many-requests` where a cap is reached;
   *   where the client's access has ended since the guard looked, what the guard would say
   */
  async open(demoId: string, clientId: string): Promise<{ isNew: boolean; answer: OpenedDemoDto }> {
    const settings = await this.readSettings();
    // Most refusals and repeats are answered here, without waiting to write.
    const seen = await this.check(demoId, clientId);
    if (seen.live) return { isNew: false, answer: this.answer(seen.facts, seen.live, settings) };
    const opening = async () => {
      await this.hold(demoId, clientId);
      const { facts, at, live } = await this.check(demoId, clientId);
      if (live) return { isNew: false, answer: this.answer(facts, live, settings) };
      const session = newSession(demoId, clientId, facts, settings.clocks, at);
      const answer = this.answer(facts, session, settings);
      await this.sessions.start(session, settings.caps);
      return { isNew: true, answer };
    };
    return this.uow.run(opening, { brief: true });
  }

  /** Whether the client may open the demo, by one query at one instant. */
  private async check(
    demoId: string,
    clientId: string,
  ): Promise<{ facts: Opening; at: Date; live: Shown | undefined }> {
    const at = this.clock.now();
    const facts = await this.uow.get(opening, { demoId, clientId });
    const refusal = refusalToOpen(facts, at);
    if (refusal || !facts) throw new Problem(refusal ?? 'not-found', 'The demo is not open to you.');
    const { sessionId, sessionOpenedAt, sessionExpiresAt, sessionLapsesAt } = facts;
    const isLive = sessionLapsesAt !== null && at < sessionLapsesAt;
    const live = isLive
      ? { id: sessionId!, openedAt: sessionOpenedAt!, expiresAt: sessionExpiresAt! }
      : undefined;
    return { facts, at, live };
  }

  /** Waits until nothing that an opening depends on can change before the unit ends. */
  private async hold(demoId: string, clientId: string): Promise<void> {
    if (this.uow.dialect === 'postgres') await this.uow.get(holdAccess, { demoId, clientId });
    await takeTurn(this.uow, 'opening');
  }

  private answer(facts: Opening, session: Shown, { template }: OpeningSettings): OpenedDemoDto {
    const url = launchAddress(facts, template, session.id);
    if (url === null) {
      throw new Problem('launch-unavailable', 'The setting launch.containerUrlTemplate is not set.');
    }
    return {
      demoSessionId: session.id,
      status: 'ready',
      url,
      launchToken: this.tokens.signLaunchToken(session.id),
      openedAt: session.openedAt,
      expiresAt: session.expiresAt,
      ...toImageDto(facts),
    };
  }

  private async readSettings(): Promise<OpeningSettings> {
    const values = await this.settings.values(
      'demoSession.activationMinutes',
      'demoSession.idleMinutes',
      'demoSession.maxMinutes',
      'demoSession.maxLivePerClient',
      'demoSession.maxLivePerDemo',
      'demoSession.maxLive',
      'launch.containerUrlTemplate',
    );
    return {
      clocks: {
        activationMinutes: values['demoSession.activationMinutes'],
        idleMinutes: values['demoSession.idleMinutes'],
        maxMinutes: values['demoSession.maxMinutes'],
      },
      caps: {
        client: values['demoSession.maxLivePerClient'],
        demo: values['demoSession.maxLivePerDemo'],
        all: values['demoSession.maxLive'],
      },
      template: values['launch.containerUrlTemplate'],
    };
  }
}

/** A session of now; a container demo may have clocks of its own. */
function newSession(
  demoId: string,
  clientId: string,
  facts: Opening,
  { activationMinutes, ...clocks }: Clocks,
  at: Date,
): DemoSession {
  const { maxMinutes = clocks.maxMinutes, idleMinutes = clocks.idleMinutes } = facts.container ?? {};
  const windows = { ...facts, clientEndsAt: facts.accessEndsAt };
  return {
    id: newId(),
    clientId,
    demoId,
    ...clocksFrom(at, { activationMinutes, idleMinutes, maxMinutes }, windows),
    activatedAt: null,
    lastSeenAt: null,
    endedAt: null,
    endReason: null,
  };
}
