import { UsageDaily, UsageDailyClient, UsageDailyTotal, UsageEvent } from '../analytics/usage.entity.js';
import { AuditEntry } from '../audit/audit.entity.js';
import { AccountToken, Credentials, SignInFailures } from '../auth/account.entity.js';
import { RefreshToken, Session } from '../auth/session.entity.js';
import { User } from '../auth/user.entity.js';
import { Client, ClientAccessChange } from '../clients/client.entity.js';
import { Grant } from '../clients/grant.entity.js';
import { DemoSession } from '../demos/demo-session.entity.js';
import { Demo, DemoStatusChange } from '../demos/demo.entity.js';
import { IdempotencyKey } from '../idempotency/idempotency.entity.js';
import { Image } from '../images/image.entity.js';
import { AccessRequest, AccessRequestItem } from '../requests/request.entity.js';
import { Setting } from '../settings/setting.entity.js';

/** Every entity, for both databases. A spec compares this list with the folder. */
export const entities = [
  User,
  Client,
  ClientAccessChange,
  Credentials,
  Session,
  RefreshToken,
  AccountToken,
  SignInFailures,
  IdempotencyKey,
  Image,
  Demo,
  DemoStatusChange,
  Grant,
  DemoSession,
  UsageEvent,
  UsageDaily,
  UsageDailyClient,
  UsageDailyTotal,
  AccessRequest,
  AccessRequestItem,
  AuditEntry,
  Setting,
];
