// Runs the server audits of the npm package graphql-http against a URL: `node audit.mjs URL`.
// Prints each audit that is not ok, then the counts; exits with 1 unless every audit is ok.
import { serverAudits } from 'graphql-http';

const STATUSES = ['ok', 'warn', 'notice', 'error'];

async function run(audit) {
  try {
    return await audit.fn();
  } catch (error) {
    const cause = error.cause ? `: ${error.cause.message}` : '';
    return { id: audit.id, name: audit.name, status: 'error', reason: `${error.message}${cause}` };
  }
}

const [url] = process.argv.slice(2);
if (!url) {
  console.error('usage: node audit.mjs URL');
  process.exit(2);
}

const counts = Object.fromEntries(STATUSES.map((status) => [status, 0]));
for (const audit of serverAudits({ url })) {
  const result = await run(audit);
  counts[result.status] += 1;
  if (result.status !== 'ok') {
    console.log(`${result.status} ${result.id} ${result.name}: ${result.reason}`);
  }
}

console.log(STATUSES.map((status) => `${counts[status]} ${status}`).join(', '));
process.exitCode = counts.ok > 0 && STATUSES.slice(1).every((status) => counts[status] === 0) ? 0 : 1;
