import { boot } from '../main.js';
import type { Output } from './output.js';

/** Serves, and in development says where and how to sign in. */
export async function serve(output: Output, { sample }: { sample?: boolean }): Promise<void> {
  const { url, config, firstAdmin } = await boot();
  const loaded = sample ? await (await import('./seed.js')).loadSample(output, config) : undefined;
  if (config.production) return;
  output.say('');
  output.say('  LTP Labs E-Catalog');
  output.say(`  API      ${url}/api/v1`);
  output.say(`  Docs     ${url}/docs`);
  if (firstAdmin?.password !== undefined) {
    output.say(`  Sign in  ${firstAdmin.email}`);
    output.say(`           ${firstAdmin.password}   (shown this once, kept nowhere)`);
  }
  if (loaded) output.say(`  Sample   ${loaded}`);
  output.say('');
}
