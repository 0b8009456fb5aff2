import { boot } from './main.js';

boot().then(
  (running) => process.stdout.write(`${running.url} ${JSON.stringify(running.firstAdmin ?? null)}\n`),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
