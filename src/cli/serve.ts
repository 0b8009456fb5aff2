import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { boot } from '../main.js';
import { CommandError, type Output } from './output.js';

/** Serves, and in development says where and how to sign in. */
export async function serve(output: Output, { sample }: { sample?: boolean }): Promise<void> {
  const { url, config, firstAdmin } = await boot();
  const loaded = sample ? await loadSample() : undefined;
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

/**
 * Runs `ecatalog seed` beside the server: passport keeps one strategy a process, so the sample, which has a clock and
 * keys of its own, can not be acted out in the one that serves.
 * @returns what it says
 * @throws CommandError when it fails, as in production
 */
function loadSample(): Promise<string> {
  const cli = fileURLToPath(new URL('../cli.js', import.meta.url));
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, [cli, 'seed'], (error, stdout) => {
      if (error) reject(new CommandError('The sample catalog was not loaded.'));
      else resolve(stdout.trim());
    });
    child.stderr?.pipe(process.stderr);
    process.once('exit', () => child.kill());
  });
}
