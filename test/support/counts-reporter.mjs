/** Jest reporter: counts results per project and names what was skipped, into TEST_RUN_DIR/counts.json. */
import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';

export default class CountsReporter {
  counts = {};
  skipped = [];

  constructor({ testNamePattern }) {
    // With -t Jest reports every other test as pending: asked for, not skipped.
    this.byName = Boolean(testNamePattern);
  }

  onTestResult({ context, path }, result) {
    const project = context.config.displayName.name;
    const count = (this.counts[project] ??= { passed: 0, failed: 0, skipped: 0 });
    count.passed += result.numPassingTests;
    // A suite that can't even be loaded, or whose clean-up fails, has no failing test of its own.
    count.failed += result.numFailingTests || Number(Boolean(result.testExecError ?? result.failureMessage));
    if (this.byName) return;
    count.skipped += result.numPendingTests + result.numTodoTests;
    const suite = relative(process.cwd(), path);
    if (result.skipped) this.skipped.push(`${project}: ${suite}`);
    for (const test of result.testResults)
      if (test.status === 'pending' || test.status === 'todo')
        this.skipped.push(`${project}: ${suite}: ${test.fullName}`);
  }

  onRunComplete() {
    const folder = process.env.TEST_RUN_DIR;
    if (folder)
      writeFileSync(
        join(folder, 'counts.json'),
        JSON.stringify({ counts: this.counts, skipped: this.skipped }),
      );
  }
}
