import type { MigrationInterface } from 'typeorm';
import { Accounts1763683200001 } from './0001-accounts.js';
import { Catalog1763683200002 } from './0002-catalog.js';
import { Usage1763683200003 } from './0003-usage.js';
import { Requests1763683200004 } from './0004-requests.js';
import { AuditAndSettings1763683200005 } from './0005-audit-and-settings.js';
import { ReportViews1763683200006 } from './0006-report-views.js';
import { Basket1763769600007 } from './0007-basket.js';
import { KeysAndSecondFactor1763769600008 } from './0008-keys-and-second-factor.js';
import { NotificationsAndJobs1763769600009 } from './0009-notifications-and-jobs.js';
import { MovedTags1763769600010 } from './0010-moved-tags.js';
import { BackupRuns1763856000011 } from './0011-backup-runs.js';
import { HotPaths1763856000012 } from './0012-hot-paths.js';
import { UniqueClients1763942400013 } from './0013-unique-clients.js';

/** Every migration, in the order in which they run, for both databases. A spec compares this list with the folder. */
export const migrations: (new () => MigrationInterface)[] = [
  Accounts1763683200001,
  Catalog1763683200002,
  Usage1763683200003,
  Requests1763683200004,
  AuditAndSettings1763683200005,
  ReportViews1763683200006,
  Basket1763769600007,
  KeysAndSecondFactor1763769600008,
  NotificationsAndJobs1763769600009,
  MovedTags1763769600010,
  BackupRuns1763856000011,
  HotPaths1763856000012,
  UniqueClients1763942400013,
];
