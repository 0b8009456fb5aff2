import {
  UsageClientBalance,
  UsageClientBucket,
  UsageClientTotal,
  UsageDaily,
  UsageDailyClient,
  UsageDailyTotal,
  UsageDemoBalance,
  UsageDemoTotal,
  UsageEvent,
} from '../analytics/usage.entity.js';
import { AuditEntry } from '../audit/audit.entity.js';
import { ApiKey } from '../auth/api-key.entity.js';
import { AccountToken, Credentials, SignInFailures } from '../auth/account.entity.js';
import { RecoveryCode, SecondFactor } from '../auth/second-factor.entity.js';
import { RefreshToken, Session } from '../auth/session.entity.js';
import { User } from '../auth/user.entity.js';
import { BackupRun } from '../backup/backup-run.entity.js';
import { Client, ClientAccessChange } from '../clients/client.entity.js';
import { Grant } from '../clients/grant.entity.js';
import { DemoSession } from '../demos/demo-session.entity.js';
import { Demo, DemoStatusChange } from '../demos/demo.entity.js';
import { IdempotencyKey } from '../idempotency/idempotency.entity.js';
import { Image } from '../images/image.entity.js';
import { Job } from '../jobs/job.entity.js';
import { Notification, OutgoingMail } from '../notifications/notification.entity.js';
import { BasketItem } from '../requests/basket.entity.js';
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
  UsageDemoTotal,
  UsageDemoBalance,
  UsageClientTotal,
  UsageClientBalance,
  UsageClientBucket,
  AccessRequest,
  AccessRequestItem,
  AuditEntry,
  Setting,
  BasketItem,
  ApiKey,
  SecondFactor,
  RecoveryCode,
  Notification,
  OutgoingMail,
  Job,
  BackupRun,
];
