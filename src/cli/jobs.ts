import type { JobName } from '../jobs/job-names.js';
import { JobsService } from '../jobs/jobs.service.js';
import { withServices } from './context.js';
import { CommandError, type Output } from './output.js';

/** Runs one background job now, beside the server; waits while a replica does it. */
export async function runJob(output: Output, name: JobName): Promise<void> {
  await withServices(async (services) => {
    const outcome = await services.get(JobsService).runNow(name);
    if (!outcome) throw new CommandError(`Another process is doing ${name} and does not come to an end.`);
    const { result, failed, reason } = outcome;
    if (failed) throw new CommandError(`${name} failed: ${reason ?? result}`);
    output.result({ name, result }, `${name}: ${result}`);
  });
}
